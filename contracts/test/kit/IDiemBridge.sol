// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {IDiemToken} from "./IDiemToken.sol";

/// @title The bridge as others see it
/// @dev Tests that import this and not the contract compile in seconds.
interface IDiemBridge is IERC5267 {
    event BridgeEvent(uint64 indexed nonce, uint8 kind, bytes payload);

    // With signatures of the stored set.
    function submitBatch(
        bytes calldata set,
        bytes calldata sigs,
        uint64 nonce,
        uint64 deadline,
        uint128 fee,
        bytes calldata transfers
    ) external;
    function updateSet(bytes calldata set, bytes calldata sigs, uint64 nonce, uint64 createdAt, bytes calldata newSet)
        external;
    function unpause(bytes calldata set, bytes calldata sigs, uint64 adminNonce, uint64 pauseNonce) external;
    function setLimits(
        bytes calldata set,
        bytes calldata sigs,
        uint64 adminNonce,
        uint128 mintCapacity,
        uint16 shareBps
    ) external;
    function resolveQueue(bytes calldata set, bytes calldata sigs, uint64 adminNonce, uint64 queueId, bool release)
        external;
    function setGuardian(bytes calldata set, bytes calldata sigs, uint64 adminNonce, address guardian) external;
    function moveBridge(bytes calldata set, bytes calldata sigs, uint64 adminNonce, address bridge) external;
    function pauseByValidators(bytes calldata set, bytes calldata sigs, uint64 pauseNonce) external;

    // By anyone.
    function burn(uint128 amount, address recipient) external;
    function release(uint64 queueId) external;
    function installProposed() external;

    // By the guardian.
    function pauseByGuardian() external;
    function veto(uint64 queueId) external;
    function vetoSet(uint64 nonce) external;
    function vetoMove(address bridge) external;
    function lowerLimits(uint128 mintCapacity, uint16 shareBps) external;

    function executed(uint64 nonce) external view returns (bool);
    function queue(uint64 queueId)
        external
        view
        returns (address to, uint128 amount, uint64 readyAt, uint64 vetoedUntil, bool vetoed);
    function limits()
        external
        view
        returns (
            uint128 mintCapacity,
            uint16 shareBps,
            uint128 room,
            uint128 queued,
            uint128 nextCapacity,
            uint16 nextBps,
            uint64 nextFrom
        );
    function proposed() external view returns (uint64 nonce, uint64 createdAt, bytes32 hash, uint64 installAt);
    function pauseState() external view returns (uint64 pausedUntil, uint64 pauseNonce, uint64 guardianAgainAt);
    function eventNonce() external view returns (uint64);
    function setNonce() external view returns (uint64);
    function setCreatedAt() external view returns (uint64);
    function adminNonce() external view returns (uint64);
    function maxSetAge() external view returns (uint64);
    function status() external view returns (uint8);
    function rollingHash() external view returns (bytes32);
    function setHash() external view returns (bytes32);
    function salt() external view returns (bytes32);
    function domainSeparator() external view returns (bytes32);
    function guardian() external view returns (address);
    function token() external view returns (IDiemToken);
}
