// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";
import {FRESH} from "./Constants.sol";
import {Fresh, NotEnoughPower, NotGuardian, Paused, StoredSetStale, WrongChain, WrongSet} from "./Errors.sol";
import {Journal} from "./Journal.sol";
import {Sets} from "./Sets.sol";

/// @title Who may do what, and when
/// @dev A threshold is computed from the set's total at each call and is stored nowhere, so that it can never be zero.
abstract contract Authority is Journal, ReentrancyGuardTransient {
    /// @dev On every function that changes something. After a split of Base the side with another chain id is not Base.
    modifier onBase() {
        _requireBase();
        _;
    }

    modifier active() {
        _requireActive();
        _;
    }

    modifier notPaused() {
        _requireNotPaused();
        _;
    }

    modifier storedSetLive() {
        _requireStoredSetLive();
        _;
    }

    modifier onlyGuardian() {
        _requireGuardian();
        _;
    }

    // Each modifier calls a function, so that its code stands in the bytecode once.

    function _requireBase() private view {
        require(block.chainid == _chainId, WrongChain(block.chainid));
    }

    function _requireActive() private view {
        require(status != FRESH, Fresh());
    }

    function _requireNotPaused() private view {
        require(block.timestamp >= _pausedUntil, Paused(_pausedUntil));
    }

    function _requireStoredSetLive() private view {
        require(_isLive(setCreatedAt), StoredSetStale());
    }

    function _requireGuardian() private view {
        require(msg.sender == guardian, NotGuardian());
    }

    function _isLive(uint64 createdAt) internal view returns (bool) {
        return block.timestamp <= uint256(createdAt) + maxSetAge;
    }

    /// @dev Requires more than this share of the stored set's power. Two of three equal powers are not more than 2/3.
    function _requireMoreThan(
        uint256 numerator,
        uint256 denominator,
        bytes calldata set,
        bytes calldata sigs,
        bytes32 structHash
    ) internal view {
        (uint256 signed, uint256 total) = _signedPower(set, sigs, structHash);
        require(denominator * signed > numerator * total, NotEnoughPower(signed, total));
    }

    /// @dev As many as could stop the DIEM chain may stop the bridge.
    function _requireOneThird(bytes calldata set, bytes calldata sigs, bytes32 structHash) internal view {
        (uint256 signed, uint256 total) = _signedPower(set, sigs, structHash);
        require(3 * signed >= total, NotEnoughPower(signed, total));
    }

    function _signedPower(bytes calldata set, bytes calldata sigs, bytes32 structHash)
        private
        view
        returns (uint256 signed, uint256 total)
    {
        require(Sets.hash(salt, setNonce, setCreatedAt, set) == setHash, WrongSet());
        // The constructor knew only the hash of its set. Every later one was checked when it came.
        if (status == FRESH) Sets.check(set);
        return Sets.signedPower(set, sigs, MessageHashUtils.toTypedDataHash(domainSeparator, structHash));
    }
}
