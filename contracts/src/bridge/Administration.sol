// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {GUARDIAN_COOLDOWN, GUARDIAN_PAUSE, PAUSE_NONCE_LEAD, UNTIL_UNPAUSE} from "./Constants.sol";
import {Digests} from "./Digests.sol";
import {AdminNonceUsed, LimitRises, NoSuchMove, TooEarly, WrongPauseNonce, Zero} from "./Errors.sol";
import {Limits, LimitsLib} from "./Limits.sol";
import {Minting} from "./Minting.sol";

/// @title Pause, limits, guardian and the move to another bridge
/// @dev The validators' actions need a live stored set and a nonce above the last one's: an action that can no longer
/// succeed blocks no other. The guardian can only make the bridge stricter.
abstract contract Administration is Minting {
    using LimitsLib for Limits;

    /// @notice Ends a pause.
    /// @param pauseNonce The stored pause nonce, so that an all-clear signed before the last pause is worth nothing.
    function unpause(bytes calldata set, bytes calldata sigs, uint64 adminNonce_, uint64 pauseNonce)
        external
        onBase
        nonReentrant
    {
        require(pauseNonce == _pauseNonce, WrongPauseNonce(_pauseNonce));
        _decide(set, sigs, adminNonce_, Digests.unpause(adminNonce_, pauseNonce), 2, 3);
        _setPause(0, pauseNonce + 1);
    }

    /// @notice Sets both limits. If one rises, both count two days later.
    function setLimits(
        bytes calldata set,
        bytes calldata sigs,
        uint64 adminNonce_,
        uint128 mintCapacity,
        uint16 shareBps
    ) external onBase nonReentrant {
        _decide(set, sigs, adminNonce_, Digests.setLimits(adminNonce_, mintCapacity, shareBps), 2, 3);
        _setLimits(mintCapacity, shareBps);
    }

    /// @notice Makes a queued item ready at once, or cancels it; the DIEM chain then refunds its sender.
    function resolveQueue(bytes calldata set, bytes calldata sigs, uint64 adminNonce_, uint64 queueId, bool release_)
        external
        onBase
        nonReentrant
    {
        _decide(set, sigs, adminNonce_, Digests.resolveQueue(adminNonce_, queueId, release_), 2, 3);
        _resolveItem(queueId, release_);
    }

    /// @notice Gives the guardian's office to another account.
    function setGuardian(bytes calldata set, bytes calldata sigs, uint64 adminNonce_, address newGuardian)
        external
        onBase
        nonReentrant
    {
        require(newGuardian != address(0), Zero());
        _decide(set, sigs, adminNonce_, Digests.setGuardian(adminNonce_, newGuardian), 2, 3);
        guardian = newGuardian;
        _recordGuardianChanged(newGuardian);
    }

    /// @notice Announces the bridge that the token obeys seven days from now. Needs more than three quarters.
    function moveBridge(bytes calldata set, bytes calldata sigs, uint64 adminNonce_, address bridge)
        external
        onBase
        nonReentrant
    {
        _decide(set, sigs, adminNonce_, Digests.moveBridge(adminNonce_, bridge), 3, 4);
        _recordMoveAnnounced(bridge, token.announceMove(bridge));
    }

    /// @notice Stops minting until Unpause. One third of the stored set is enough, however old it is.
    /// @param pauseNonce 1 to 4 above the stored one.
    function pauseByValidators(bytes calldata set, bytes calldata sigs, uint64 pauseNonce)
        external
        onBase
        nonReentrant
    {
        require(pauseNonce > _pauseNonce && pauseNonce <= _pauseNonce + PAUSE_NONCE_LEAD, WrongPauseNonce(_pauseNonce));
        _requireOneThird(set, sigs, Digests.pause(pauseNonce));
        _setPause(UNTIL_UNPAUSE, pauseNonce);
    }

    /// @notice The guardian stops minting for 72 hours, and may do so again seven days later.
    function pauseByGuardian() external onBase nonReentrant onlyGuardian {
        require(block.timestamp >= _guardianAgainAt, TooEarly(_guardianAgainAt));
        _guardianAgainAt = uint64(block.timestamp) + GUARDIAN_COOLDOWN;
        uint64 until = uint64(block.timestamp) + GUARDIAN_PAUSE;
        _setPause(uint64(Math.max(_pausedUntil, until)), _pauseNonce + 1);
    }

    /// @notice The guardian lowers the limits at once. Neither value may rise; a change that waits is dropped.
    function lowerLimits(uint128 mintCapacity, uint16 shareBps) external onBase nonReentrant onlyGuardian {
        (uint128 capacityNow, uint16 shareBpsNow,) = _limits.current();
        require(mintCapacity <= capacityNow && shareBps <= shareBpsNow, LimitRises());
        _setLimits(mintCapacity, shareBps);
    }

    /// @notice The guardian takes back the announcement of this bridge.
    function vetoMove(address bridge) external onBase nonReentrant onlyGuardian {
        (address next,) = token.nextBridge();
        require(bridge == next && bridge != address(0), NoSuchMove());
        token.cancelMove();
        _recordVeto(VETO_MOVE, 0, 0);
    }

    /// @notice Minting is paused before `pausedUntil`; 2^64-1 means until Unpause. The nonce counts pauses and all-clears.
    function pauseState() external view returns (uint64 pausedUntil, uint64 pauseNonce, uint64 guardianAgainAt) {
        return (_pausedUntil, _pauseNonce, _guardianAgainAt);
    }

    /// @dev An action of the validators: its event comes before the event of what it does.
    function _decide(
        bytes calldata set,
        bytes calldata sigs,
        uint64 nonce,
        bytes32 structHash,
        uint256 numerator,
        uint256 denominator
    ) private active storedSetLive {
        require(nonce > adminNonce, AdminNonceUsed(nonce));
        _requireMoreThan(numerator, denominator, set, sigs, structHash);
        adminNonce = nonce;
        _recordAdminExecuted(nonce, structHash);
    }

    function _setPause(uint64 until, uint64 nonce) private {
        (_pausedUntil, _pauseNonce) = (until, nonce);
        _recordStatusChanged(until, nonce);
    }

    function _setLimits(uint128 capacity, uint16 shareBps) private {
        _recordLimitsChanged(capacity, shareBps, _limits.set(capacity, shareBps));
    }
}
