// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {State} from "./State.sol";

/// @title The events that the DIEM chain replays
/// @dev Every event goes through `_record`, which folds it into `rollingHash`, so that whoever knows the hash knows all
/// events. A payload is packed: big-endian, without padding.
abstract contract Journal is State {
    /// @dev What a veto is about.
    uint8 internal constant VETO_ITEM = 0;
    uint8 internal constant VETO_SET = 1;
    uint8 internal constant VETO_MOVE = 2;

    /// @notice The only log of the bridge.
    event BridgeEvent(uint64 indexed nonce, uint8 kind, bytes payload);

    function _record(uint8 kind, bytes memory payload) private {
        uint64 nonce = ++eventNonce;
        rollingHash = keccak256(abi.encodePacked(rollingHash, nonce, kind, keccak256(payload)));
        emit BridgeEvent(nonce, kind, payload);
    }

    function _recordBurn(address sender, address recipient, uint128 amount) internal {
        _record(1, abi.encodePacked(sender, recipient, amount));
    }

    /// @param minted What the recipients got at once.
    /// @param fee What the relayer got at once.
    /// @param queued What waits, the fee included if it does.
    function _recordBatchExecuted(
        uint64 nonce,
        bytes32 structHash,
        address relayer,
        uint128 minted,
        uint128 fee,
        uint128 queued
    ) internal {
        _record(2, abi.encodePacked(nonce, structHash, relayer, minted, fee, queued));
    }

    function _recordSetInstalled(uint64 nonce, bytes32 hash, address submitter) internal {
        _record(3, abi.encodePacked(nonce, hash, submitter));
    }

    function _recordQueued(uint64 queueId, uint64 batchNonce, uint16 index, uint128 amount, uint64 readyAt) internal {
        _record(4, abi.encodePacked(queueId, batchNonce, index, amount, readyAt));
    }

    function _recordReleased(uint64 queueId, uint128 amount) internal {
        _record(5, abi.encodePacked(queueId, amount));
    }

    function _recordCancelled(uint64 queueId, uint128 amount) internal {
        _record(6, abi.encodePacked(queueId, amount));
    }

    function _recordStatusChanged(uint64 pausedUntil, uint64 pauseNonce) internal {
        _record(7, abi.encodePacked(pausedUntil, pauseNonce));
    }

    function _recordLimitsChanged(uint128 capacity, uint16 shareBps, uint64 from) internal {
        _record(8, abi.encodePacked(capacity, shareBps, from));
    }

    function _recordMoveAnnounced(address bridge, uint64 from) internal {
        _record(9, abi.encodePacked(bridge, from));
    }

    function _recordGuardianChanged(address newGuardian) internal {
        _record(10, abi.encodePacked(newGuardian));
    }

    /// @param id Queue id, set nonce, or 0 for a move.
    /// @param until End of an item's freeze; 0 if it was lifted, and for sets and moves.
    function _recordVeto(uint8 what, uint64 id, uint64 until) internal {
        _record(11, abi.encodePacked(what, id, until));
    }

    function _recordAdminExecuted(uint64 nonce, bytes32 structHash) internal {
        _record(12, abi.encodePacked(nonce, structHash));
    }

    function _recordSetProposed(uint64 nonce, bytes32 hash, uint64 installAt) internal {
        _record(13, abi.encodePacked(nonce, hash, installAt));
    }
}
