// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BridgeTest} from "../kit/BridgeTest.sol";
import {IDiemBridge} from "../kit/IDiemBridge.sol";
import {vm} from "../kit/Vm.sol";

/// @dev What the DIEM chain would book from the logs alone, and what it must never see.
abstract contract Ledger is BridgeTest {
    /// @dev Sums of the bucket from the start on, after an event at `time`.
    struct Flow {
        uint256 time;
        uint256 minted;
        uint256 burned;
    }

    bytes32 public folded;
    uint64 public eventCount;
    uint256 public minted;
    uint256 public released;
    uint256 public burned;
    uint256 public waiting;
    uint256 public greatestCapacity = CAPACITY;
    Flow[] public flows;
    uint64[] public executedNonces;
    uint64[] public items;
    mapping(uint64 nonce => uint256) public executions;
    mapping(uint64 queueId => uint256) public amounts;
    /// @dev What became of an item: 0 unknown, 1 waits, 2 released, 3 cancelled.
    mapping(uint64 queueId => uint8) public fate;

    /// @dev Books what an action did, and holds that nothing was minted if the bridge was not open before it.
    modifier booked() {
        bool open = isOpen();
        _;
        Event[] memory all = events();
        for (uint256 i = 0; i < all.length; ++i) {
            Event memory found = all[i];
            vm.assertEq(found.nonce, ++eventCount, "events have no gap");
            folded = keccak256(abi.encodePacked(folded, found.nonce, found.kind, keccak256(found.payload)));
            vm.assertTrue(open || (found.kind != 2 && found.kind != 5), "mints only if active, live, not paused, open");
            book(found.kind, found.payload);
        }
    }

    function theBridge() external view returns (IDiemBridge) {
        return bridge;
    }

    function flowCount() external view returns (uint256) {
        return flows.length;
    }

    function itemCount() external view returns (uint256) {
        return items.length;
    }

    function executedCount() external view returns (uint256) {
        return executedNonces.length;
    }

    function onInstalled(bytes32 hash) internal virtual;

    function isOpen() internal view returns (bool) {
        (uint64 pausedUntil,,) = bridge.pauseState();
        (uint128 capacity,,,,,,) = bridge.limits();
        return bridge.status() == 1 && block.timestamp >= pausedUntil && capacity != 0
            && block.timestamp <= bridge.setCreatedAt() + MAX_SET_AGE;
    }

    function book(uint8 kind, bytes memory payload) private {
        if (kind == 1) {
            burned += number(payload, 40, 16);
            flow();
        } else if (kind == 2) {
            uint64 nonce = uint64(number(payload, 0, 8));
            vm.assertEq(++executions[nonce], 1, "a batch is executed once");
            executedNonces.push(nonce);
            minted += number(payload, 60, 16) + number(payload, 76, 16);
            waiting += number(payload, 92, 16);
            flow();
        } else if (kind == 3) {
            onInstalled(bytes32(number(payload, 8, 32)));
        } else if (kind == 4) {
            uint64 id = uint64(number(payload, 0, 8));
            items.push(id);
            vm.assertEq(id, items.length, "ids have no gap");
            (amounts[id], fate[id]) = (number(payload, 18, 16), 1);
        } else if (kind == 5 || kind == 6) {
            uint64 id = uint64(number(payload, 0, 8));
            vm.assertEq(fate[id], 1, "an item is released or cancelled, once");
            vm.assertEq(amounts[id], number(payload, 8, 16), "with its amount");
            fate[id] = kind == 5 ? 2 : 3;
            if (kind == 5) released += amounts[id];
            waiting -= amounts[id];
        } else if (kind == 8) {
            uint256 capacity = number(payload, 0, 16);
            if (capacity > greatestCapacity) greatestCapacity = capacity;
        }
    }

    function flow() private {
        flows.push(Flow(block.timestamp, minted, burned));
    }

    function number(bytes memory data, uint256 offset, uint256 length) private pure returns (uint256 value) {
        for (uint256 i = 0; i < length; ++i) {
            value = value << 8 | uint8(data[offset + i]);
        }
    }
}
