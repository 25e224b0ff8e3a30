// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {BridgeTest} from "./kit/BridgeTest.sol";
import {Hashes} from "./kit/Hashes.sol";
import {Validators, ValidatorsLib} from "./kit/Validators.sol";
import {vm} from "./kit/Vm.sol";

/// @dev Every kind of event, byte by byte. After each test the logs fold to the rolling hash.
contract JournalTest is BridgeTest {
    using ValidatorsLib for Validators;

    uint64 private nonce;
    bytes32 private folded;

    function setUp() public override {
        vm.recordLogs();
        super.setUp();
        folded = bridge.domainSeparator();
        Event[] memory all = logged(1);
        bytes32 hash = Hashes.setHash(SALT, 1, bridge.setCreatedAt(), stored.pack());
        assertEvent(all[0], 3, abi.encodePacked(uint64(1), hash, address(this)));
    }

    function test_1_burn() public {
        submit(1, 0, transfer(alice, 5 ether));
        logged(1);
        vm.prank(alice);
        bridge.burn(2 ether, bob);
        assertEvent(logged(1)[0], 1, abi.encodePacked(alice, bob, uint128(2 ether)));
    }

    function test_2_batch_executed_then_4_queued_in_the_order_of_the_items() public {
        bytes memory transfers =
            bytes.concat(transfer(alice, 2_000 ether), transfer(bob, 7 ether), transfer(bob, 3_000 ether));
        uint64 deadline = uint64(block.timestamp) + 1 days;
        submit(9, deadline, 1_500 ether, transfers);
        Event[] memory all = logged(4);
        bytes32 hash = Hashes.batch(9, deadline, 1_500 ether, transfers);
        bytes memory amounts = abi.encodePacked(uint128(7 ether), uint128(0), uint128(6_500 ether));
        assertEvent(all[0], 2, bytes.concat(abi.encodePacked(uint64(9), hash, relayer), amounts));
        uint64 readyAt = uint64(block.timestamp) + 86_400;
        assertEvent(all[1], 4, abi.encodePacked(uint64(1), uint64(9), uint16(0), uint128(2_000 ether), readyAt));
        assertEvent(all[2], 4, abi.encodePacked(uint64(2), uint64(9), uint16(2), uint128(3_000 ether), readyAt));
        assertEvent(all[3], 4, abi.encodePacked(uint64(3), uint64(9), uint16(65_535), uint128(1_500 ether), readyAt));
    }

    function test_2_tells_the_fee_that_was_minted_apart() public {
        submit(1, 3 ether, transfer(alice, 5 ether));
        bytes memory payload = logged(1)[0].payload;
        bytes32 hash = Hashes.batch(1, uint64(block.timestamp) + 1 days, 3 ether, transfer(alice, 5 ether));
        bytes memory amounts = abi.encodePacked(uint128(5 ether), uint128(3 ether), uint128(0));
        vm.assertEq(payload, bytes.concat(abi.encodePacked(uint64(1), hash, relayer), amounts), "payload");
    }

    function test_13_set_proposed_then_3_installed_by_whoever_installs() public {
        makeStale();
        Validators memory next = ValidatorsLib.equal("next", 4);
        uint64 createdAt = uint64(block.timestamp);
        updateSet(6, createdAt, next);
        bytes32 hash = Hashes.setHash(SALT, 6, createdAt, next.pack());
        uint64 installAt = createdAt + MAX_SET_AGE / 2;
        assertEvent(logged(1)[0], 13, abi.encodePacked(uint64(6), hash, installAt));
        vm.warp(installAt);
        vm.prank(bob);
        bridge.installProposed();
        assertEvent(logged(1)[0], 3, abi.encodePacked(uint64(6), hash, bob));
    }

    function test_5_released() public {
        enqueue(1, alice, 2_000 ether);
        logged(2);
        vm.warp(block.timestamp + 1 days);
        bridge.release(1);
        assertEvent(logged(1)[0], 5, abi.encodePacked(uint64(1), uint128(2_000 ether)));
    }

    function test_12_admin_executed_then_6_cancelled() public {
        enqueue(1, alice, 2_000 ether);
        logged(2);
        resolveQueue(4, 1, false);
        Event[] memory all = logged(2);
        assertEvent(all[0], 12, abi.encodePacked(uint64(4), Hashes.resolveQueue(4, 1, false)));
        assertEvent(all[1], 6, abi.encodePacked(uint64(1), uint128(2_000 ether)));
    }

    function test_12_of_an_action_replaced_under_its_own_nonce_has_another_hash() public {
        setLimits(1, CAPACITY, SHARE_BPS);
        assertEvent(logged(2)[0], 12, abi.encodePacked(uint64(1), Hashes.setLimits(1, CAPACITY, SHARE_BPS)));
        vm.assertTrue(Hashes.setLimits(1, CAPACITY, SHARE_BPS) != Hashes.setLimits(1, CAPACITY, 1), "hashes differ");
    }

    function test_7_status_changed() public {
        vm.prank(guardian);
        bridge.pauseByGuardian();
        assertEvent(logged(1)[0], 7, abi.encodePacked(uint64(block.timestamp) + 72 hours, uint64(1)));
        pause(4);
        assertEvent(logged(1)[0], 7, abi.encodePacked(type(uint64).max, uint64(4)));
        unpause(1, 4);
        Event[] memory all = logged(2);
        assertEvent(all[0], 12, abi.encodePacked(uint64(1), Hashes.unpause(1, 4)));
        assertEvent(all[1], 7, abi.encodePacked(uint64(0), uint64(5)));
    }

    function test_8_limits_changed() public {
        setLimits(1, CAPACITY, SHARE_BPS + 1);
        uint64 start = uint64(block.timestamp);
        assertEvent(logged(2)[1], 8, abi.encodePacked(CAPACITY, SHARE_BPS + 1, start + 2 days));
        vm.prank(guardian);
        bridge.lowerLimits(5 ether, SHARE_BPS);
        assertEvent(logged(1)[0], 8, abi.encodePacked(uint128(5 ether), SHARE_BPS, start));
    }

    function test_9_move_announced_and_11_vetoed() public {
        moveBridge(1, alice);
        Event[] memory all = logged(2);
        assertEvent(all[0], 12, abi.encodePacked(uint64(1), Hashes.moveBridge(1, alice)));
        assertEvent(all[1], 9, abi.encodePacked(alice, uint64(block.timestamp) + 7 days));
        vm.prank(guardian);
        bridge.vetoMove(alice);
        assertEvent(logged(1)[0], 11, abi.encodePacked(uint8(2), uint64(0), uint64(0)));
    }

    function test_10_guardian_changed() public {
        bytes memory sigs = sign(Hashes.setGuardian(1, alice));
        bridge.setGuardian(stored.pack(), sigs, 1, alice);
        Event[] memory all = logged(2);
        assertEvent(all[0], 12, abi.encodePacked(uint64(1), Hashes.setGuardian(1, alice)));
        assertEvent(all[1], 10, abi.encodePacked(alice));
    }

    function test_11_veto_of_an_item_and_its_end() public {
        enqueue(1, alice, 2_000 ether);
        logged(2);
        vm.prank(guardian);
        bridge.veto(1);
        assertEvent(logged(1)[0], 11, abi.encodePacked(uint8(0), uint64(1), uint64(block.timestamp) + 14 days));
        resolveQueue(1, 1, true);
        Event[] memory all = logged(2);
        assertEvent(all[0], 12, abi.encodePacked(uint64(1), Hashes.resolveQueue(1, 1, true)));
        assertEvent(all[1], 11, abi.encodePacked(uint8(0), uint64(1), uint64(0)));
    }

    function test_11_veto_of_a_set() public {
        makeStale();
        updateSet(6, uint64(block.timestamp), ValidatorsLib.equal("next", 4));
        logged(1);
        vm.prank(guardian);
        bridge.vetoSet(6);
        assertEvent(logged(1)[0], 11, abi.encodePacked(uint8(1), uint64(6), uint64(0)));
    }

    /// @dev The events since the last call: `count` of them, in order, and the rolling hash is what they fold to.
    function logged(uint256 count) private returns (Event[] memory all) {
        all = events();
        vm.assertEq(all.length, count, "number of events");
        for (uint256 i = 0; i < count; ++i) {
            vm.assertEq(all[i].nonce, ++nonce, "without gaps, from 1 on");
            folded = keccak256(abi.encodePacked(folded, all[i].nonce, all[i].kind, keccak256(all[i].payload)));
        }
        vm.assertEq(bridge.eventNonce(), nonce, "event nonce");
        vm.assertEq(bridge.rollingHash(), folded, "rolling hash");
    }
}
