// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {BitMaps} from "@openzeppelin/contracts/utils/structs/BitMaps.sol";
import {Authority} from "./Authority.sol";
import {FEE_INDEX, MAX_TRANSFERS, MIN_BURN, QUEUE_DELAY, SUPPLY_CAP, VETO_FREEZE, WHOLE_BPS} from "./Constants.sol";
import {Digests} from "./Digests.sol";
import {
    AlreadyVetoed,
    BurnTooSmall,
    CapReached,
    Closed,
    Expired,
    NoSuchItem,
    NonceUsed,
    RecipientHasNoKey,
    TooEarly,
    WrongTransfers,
    Zero
} from "./Errors.sol";
import {Limits, LimitsLib} from "./Limits.sol";
import {Packed} from "./Packed.sol";
import {Item} from "./State.sol";

/// @title Batches, the queue and burns
abstract contract Minting is Authority {
    using BitMaps for BitMaps.BitMap;
    using LimitsLib for Limits;
    using Packed for bytes;

    /// @dev A recipient (20 bytes) and an amount (16).
    uint256 private constant TRANSFER = 36;

    /// @notice Executes a batch. No item fails alone: what finds no room is queued for a day. The fee is the last item and
    /// goes to the caller under the same rule.
    /// @param set The stored set.
    /// @param sigs Signatures of more than two thirds of it.
    function submitBatch(
        bytes calldata set,
        bytes calldata sigs,
        uint64 nonce,
        uint64 deadline,
        uint128 fee,
        bytes calldata transfers
    ) external onBase nonReentrant active notPaused storedSetLive {
        require(block.timestamp <= deadline, Expired(deadline));
        require(nonce != 0 && !_executed.get(nonce), NonceUsed(nonce));
        uint256 count = _count(transfers);
        require(count != 0 && count <= MAX_TRANSFERS && transfers.length == count * TRANSFER, WrongTransfers());
        bytes32 structHash = Digests.batch(nonce, deadline, fee, transfers);
        _requireMoreThan(2, 3, set, sigs, structHash);

        _executed.set(nonce);
        (uint128 minted, uint128 queued, uint256 waiting) = _mintItems(transfers, fee);
        uint128 feeMinted = waiting >> count == 0 ? fee : 0;
        _recordBatchExecuted(nonce, structHash, msg.sender, minted - feeMinted, feeMinted, queued);
        if (waiting != 0) _enqueueItems(nonce, transfers, fee, queued, waiting);
    }

    /// @notice Mints a queued item once its time has come. Anyone may call; the bucket does not count.
    function release(uint64 queueId) external onBase nonReentrant active notPaused storedSetLive {
        (uint128 capacity,,) = _limits.current();
        require(capacity != 0, Closed());
        Item memory item = _item(queueId);
        require(block.timestamp >= item.readyAt, TooEarly(item.readyAt));
        require(block.timestamp >= item.vetoedUntil, TooEarly(item.vetoedUntil));
        require(token.totalSupply() + item.amount <= SUPPLY_CAP, CapReached());

        _removeItem(queueId, item.amount);
        token.crosschainMint(item.to, item.amount);
        _recordReleased(queueId, item.amount);
    }

    /// @notice The guardian freezes an item of the queue for 14 days, once.
    function veto(uint64 queueId) external onBase nonReentrant onlyGuardian {
        require(!_item(queueId).vetoed, AlreadyVetoed(queueId));
        Item storage item = _queue[queueId];
        uint64 until = uint64(block.timestamp) + VETO_FREEZE;
        (item.vetoedUntil, item.vetoed) = (until, true);
        _recordVeto(VETO_ITEM, queueId, until);
    }

    /// @notice Burns the caller's own balance; the DIEM chain pays the recipient. Never limited and never paused.
    /// @param amount At least 0.01 DIEM, in units of 10^-18.
    /// @param recipient An address of the DIEM chain.
    function burn(uint128 amount, address recipient) external onBase nonReentrant active {
        require(amount >= MIN_BURN, BurnTooSmall());
        require(recipient != address(0), Zero());
        require(recipient != msg.sender || _mayHaveKey(msg.sender), RecipientHasNoKey());

        (,, uint128 level) = _limits.current();
        _limits.setLevel(uint128(Math.saturatingSub(level, amount)));
        token.crosschainBurn(msg.sender, amount);
        _recordBurn(msg.sender, recipient, amount);
    }

    /// @notice Whether the batch of this nonce was executed.
    function executed(uint64 nonce) external view returns (bool) {
        return _executed.get(nonce);
    }

    /// @notice An item that waits; zeroes if it never did or does no longer.
    function queue(uint64 queueId)
        external
        view
        returns (address to, uint128 amount, uint64 readyAt, uint64 vetoedUntil, bool vetoed)
    {
        Item memory item = _queue[queueId];
        return (item.to, item.amount, item.readyAt, item.vetoedUntil, item.vetoed);
    }

    /// @notice The limits of this second, what a batch may mint now, what is queued, and the change that waits.
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
        )
    {
        uint128 level;
        (mintCapacity, shareBps, level) = _limits.current();
        room = uint128(Math.min(Math.saturatingSub(mintCapacity, level), _underCap()));
        queued = _queued;
        (nextCapacity, nextBps, nextFrom) = _limits.next();
    }

    /// @dev Lets an item be released at once, or drops it. The guardian has no say any more.
    function _resolveItem(uint64 queueId, bool release_) internal {
        uint128 amount = _item(queueId).amount;
        if (release_) {
            Item storage item = _queue[queueId];
            (item.readyAt, item.vetoedUntil, item.vetoed) = (uint64(block.timestamp), 0, true);
            _recordVeto(VETO_ITEM, queueId, 0);
        } else {
            _removeItem(queueId, amount);
            _recordCancelled(queueId, amount);
        }
    }

    /// @return minted What was minted, the fee included.
    /// @return queued What waits, the fee included.
    /// @return waiting Bit i is set if item i waits.
    function _mintItems(bytes calldata transfers, uint128 fee)
        private
        returns (uint128 minted, uint128 queued, uint256 waiting)
    {
        (uint128 capacity, uint16 shareBps, uint128 level) = _limits.current();
        require(capacity != 0, Closed());
        uint256 largest = uint256(capacity) * shareBps / WHOLE_BPS;
        uint256 free = Math.saturatingSub(capacity, level);
        uint256 underCap = _underCap();

        uint256 bucket = free;
        uint256 items = _count(transfers) + 1;
        for (uint256 i = 0; i < items; ++i) {
            (address to, uint128 amount) = _itemAt(transfers, fee, i);
            if (amount <= largest && amount <= bucket && amount <= underCap) {
                unchecked {
                    bucket -= amount;
                    underCap -= amount;
                }
                token.crosschainMint(to, amount);
            } else {
                // What waits takes its place under the cap all the same.
                underCap = Math.saturatingSub(underCap, amount);
                queued += amount;
                waiting |= 1 << i;
            }
        }
        minted = uint128(free - bucket);
        _limits.setLevel(level + minted);
    }

    function _enqueueItems(uint64 nonce, bytes calldata transfers, uint128 fee, uint128 queued, uint256 waiting)
        private
    {
        _queued += queued;
        uint64 readyAt = uint64(block.timestamp) + QUEUE_DELAY;
        uint256 count = _count(transfers);
        for (uint256 i = 0; i <= count; ++i) {
            if (waiting & (1 << i) == 0) continue;
            (address to, uint128 amount) = _itemAt(transfers, fee, i);
            uint64 queueId = ++_lastQueueId;
            _queue[queueId] = Item({to: to, readyAt: readyAt, amount: amount, vetoedUntil: 0, vetoed: false});
            _recordQueued(queueId, nonce, i == count ? FEE_INDEX : uint16(i), amount, readyAt);
        }
    }

    function _count(bytes calldata transfers) private pure returns (uint256) {
        return transfers.length / TRANSFER;
    }

    /// @dev The transfers are the first items, and the fee, which the caller gets, is the last.
    function _itemAt(bytes calldata transfers, uint128 fee, uint256 i)
        private
        view
        returns (address to, uint128 amount)
    {
        unchecked {
            uint256 offset = i * TRANSFER;
            if (offset == transfers.length) return (msg.sender, fee);
            return (transfers.addressAt(offset), transfers.uint128At(offset + 20));
        }
    }

    function _removeItem(uint64 queueId, uint128 amount) private {
        _queued -= amount;
        delete _queue[queueId];
    }

    function _item(uint64 queueId) private view returns (Item memory item) {
        item = _queue[queueId];
        require(item.readyAt != 0, NoSuchItem(queueId));
    }

    function _underCap() private view returns (uint256) {
        return Math.saturatingSub(SUPPLY_CAP, token.totalSupply() + _queued);
    }

    /// @dev An account without code, or one whose code is an EIP-7702 delegation (0xef0100 and an address).
    function _mayHaveKey(address account) private view returns (bool) {
        bytes memory code = account.code;
        return code.length == 0 || (code.length == 23 && bytes3(code) == 0xef0100);
    }
}
