// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../src/bridge/Errors.sol";
import {BridgeTest} from "./kit/BridgeTest.sol";
import {Hashes} from "./kit/Hashes.sol";
import {Validators, ValidatorsLib} from "./kit/Validators.sol";
import {vm} from "./kit/Vm.sol";

contract LimitsTest is BridgeTest {
    using ValidatorsLib for Validators;

    uint128 private constant LARGEST = CAPACITY * SHARE_BPS / 10_000;

    function test_a_mint_of_the_share_passes_and_one_above_waits() public {
        submit(1, 0, bytes.concat(transfer(alice, LARGEST), transfer(bob, LARGEST + 1)));
        vm.assertEq(token.balanceOf(alice), LARGEST, "minted");
        vm.assertEq(token.balanceOf(bob), 0, "waits");
        vm.assertEq(queued(), LARGEST + 1, "queued");
    }

    function test_what_is_above_the_room_waits_and_what_fits_after_it_is_minted() public {
        fillBucket();
        vm.warp(block.timestamp + 864); // a hundredth of the capacity drains
        vm.assertEq(room(), 100 ether, "room");
        submit(20, 0, bytes.concat(transfer(alice, 60 ether), transfer(alice, 60 ether), transfer(bob, 40 ether)));
        vm.assertEq(token.balanceOf(alice), 60 ether, "the first one");
        vm.assertEq(token.balanceOf(bob), 40 ether, "the last one");
        vm.assertEq(queued(), 60 ether, "the second one");
        vm.assertEq(room(), 0, "full");
    }

    function test_a_fee_never_passes_the_bucket() public {
        fillBucket();
        uint256 supply = token.totalSupply();
        submit(20, 1, transfer(alice, 1));
        vm.assertEq(token.totalSupply(), supply, "nothing minted");
        vm.assertEq(queued(), 2, "transfer and fee");
        (address to, uint128 amount,,,) = bridge.queue(2);
        vm.assertEq(to, relayer, "the relayer's");
        vm.assertEq(amount, 1, "fee");
    }

    function test_a_fee_above_the_share_waits_too() public {
        submit(1, LARGEST + 1, transfer(alice, 1));
        vm.assertEq(token.balanceOf(relayer), 0, "not minted");
        vm.assertEq(queued(), LARGEST + 1, "queued");
    }

    function test_the_bucket_drains_with_time_alone() public {
        fillBucket();
        vm.warp(block.timestamp + 12 hours);
        vm.assertEq(room(), CAPACITY / 2, "half a day");
        vm.warp(block.timestamp + 12 hours);
        vm.assertEq(room(), CAPACITY, "a day");
        vm.warp(block.timestamp + 30 days);
        vm.assertEq(room(), CAPACITY, "never more than the capacity");
    }

    /// @dev Base makes a block every 200 ms: five have the same second, and their number is no clock.
    function test_the_same_second_five_times_drains_nothing() public {
        fillBucket();
        vm.warp(block.timestamp + 86_400 / 100);
        for (uint64 i = 0; i < 5; ++i) {
            vm.roll(block.number + 1);
            submit(20 + i, 0, transfer(alice, 10 ether));
            vm.assertEq(room(), 100 ether - uint256(i + 1) * 10 ether, "room");
        }
        vm.roll(block.number + 1_000_000);
        vm.assertEq(room(), 50 ether, "blocks are no time");
    }

    function test_limits_measure_net_flow() public {
        // The same DIEM goes out and back, many times the capacity in one second.
        for (uint64 i = 1; i <= 40; ++i) {
            submit(i, 0, transfer(alice, LARGEST));
            vm.prank(alice);
            bridge.burn(LARGEST, bob);
        }
        vm.assertEq(room(), CAPACITY, "no room is used up");
        vm.assertEq(queued(), 0, "nothing waits");
    }

    function test_a_burn_makes_room_and_no_more_than_there_was() public {
        submit(1, 0, transfer(alice, LARGEST));
        vm.warp(block.timestamp + 1 days);
        vm.prank(alice);
        bridge.burn(LARGEST / 2, bob);
        vm.assertEq(room(), CAPACITY, "an empty bucket stays empty");
    }

    function test_a_capacity_of_zero_closes_all_mints_and_leaves_the_exit_open() public {
        submit(1, 0, transfer(alice, 10 ether));
        enqueue(2, alice, 2_000 ether);
        setLimits(1, 0, SHARE_BPS);
        vm.warp(block.timestamp + 1 days);

        bytes memory transfers = transfer(alice, 1);
        bytes memory sigs = sign(Hashes.batch(3, NOW + 30 days, 0, transfers));
        bytes memory set = stored.pack();
        vm.expectRevert(abi.encodeWithSelector(Closed.selector));
        bridge.submitBatch(set, sigs, 3, NOW + 30 days, 0, transfers);
        vm.expectRevert(abi.encodeWithSelector(Closed.selector));
        bridge.release(1);
        vm.prank(alice);
        bridge.burn(10 ether, bob);

        // Open again, two days after it was decided; what waited was not lost.
        setLimits(2, CAPACITY, SHARE_BPS);
        vm.warp(block.timestamp + 2 days - 1);
        vm.expectRevert(abi.encodeWithSelector(Closed.selector));
        bridge.release(1);
        vm.warp(block.timestamp + 1);
        bridge.release(1);
        bridge.submitBatch(set, sigs, 3, NOW + 30 days, 0, transfers);
    }

    function test_limits_that_fall_count_at_once() public {
        setLimits(1, CAPACITY / 2, SHARE_BPS);
        assertLimits(CAPACITY / 2, SHARE_BPS, 0, 0, 0);
        setLimits(2, CAPACITY / 2, SHARE_BPS / 2);
        assertLimits(CAPACITY / 2, SHARE_BPS / 2, 0, 0, 0);
    }

    function test_limits_of_which_one_rises_count_two_days_later_both() public {
        setLimits(1, CAPACITY / 2, SHARE_BPS + 1);
        uint64 from = uint64(block.timestamp) + 2 days;
        assertLimits(CAPACITY, SHARE_BPS, CAPACITY / 2, SHARE_BPS + 1, from);
        vm.warp(from - 1);
        assertLimits(CAPACITY, SHARE_BPS, CAPACITY / 2, SHARE_BPS + 1, from);
        vm.warp(from);
        assertLimits(CAPACITY / 2, SHARE_BPS + 1, 0, 0, 0);
        submit(1, 0, transfer(alice, 500 ether));
        vm.assertEq(token.balanceOf(alice), 500 ether, "the new share is of the new capacity");
        vm.assertEq(room(), CAPACITY / 2 - 500 ether, "room");
    }

    function test_a_later_change_replaces_what_waits() public {
        setLimits(1, CAPACITY * 2, SHARE_BPS);
        vm.warp(block.timestamp + 1 days);
        setLimits(2, CAPACITY * 3, SHARE_BPS);
        assertLimits(CAPACITY, SHARE_BPS, CAPACITY * 3, SHARE_BPS, uint64(block.timestamp) + 2 days);
        setLimits(3, CAPACITY, SHARE_BPS);
        assertLimits(CAPACITY, SHARE_BPS, 0, 0, 0);
        vm.warp(block.timestamp + 3 days);
        assertLimits(CAPACITY, SHARE_BPS, 0, 0, 0);
    }

    function test_the_guardian_lowers_at_once_and_drops_what_waits() public {
        setLimits(1, CAPACITY * 2, SHARE_BPS);
        vm.prank(guardian);
        bridge.lowerLimits(CAPACITY, SHARE_BPS);
        assertLimits(CAPACITY, SHARE_BPS, 0, 0, 0);
        vm.prank(guardian);
        bridge.lowerLimits(CAPACITY - 1, SHARE_BPS - 1);
        assertLimits(CAPACITY - 1, SHARE_BPS - 1, 0, 0, 0);
        vm.prank(guardian);
        bridge.lowerLimits(0, 1);
        assertLimits(0, 1, 0, 0, 0);
    }

    function test_the_guardian_raises_nothing() public {
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(LimitRises.selector));
        bridge.lowerLimits(CAPACITY + 1, SHARE_BPS);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(LimitRises.selector));
        bridge.lowerLimits(CAPACITY - 1, SHARE_BPS + 1);
        vm.expectRevert(abi.encodeWithSelector(NotGuardian.selector));
        bridge.lowerLimits(0, 1);
    }

    function test_the_guardian_lowers_while_paused_and_stale() public {
        pause(1);
        makeStale();
        vm.prank(guardian);
        bridge.lowerLimits(1 ether, SHARE_BPS);
        assertLimits(1 ether, SHARE_BPS, 0, 0, 0);
    }

    function test_a_share_is_between_1_and_10000() public {
        uint16[2] memory wrong = [0, 10_001];
        for (uint64 i = 0; i < 2; ++i) {
            bytes memory sigs = sign(Hashes.setLimits(1, CAPACITY, wrong[i]));
            bytes memory set = stored.pack();
            vm.expectRevert(abi.encodeWithSelector(WrongShare.selector));
            bridge.setLimits(set, sigs, 1, CAPACITY, wrong[i]);
        }
    }

    /// @dev Until the change counts the old capacity drains, from then on the new one.
    function test_a_change_of_the_capacity_drains_each_part_at_its_own_rate(uint32 before, uint32 later) public {
        setLimits(1, CAPACITY * 4, SHARE_BPS);
        uint256 from = block.timestamp + 2 days;
        before = before % 1 days;
        later = later % 1 days;
        // The set of the fixture is long live enough.
        vm.warp(from - before);
        fillBucket();
        vm.warp(from + later);
        uint256 left = CAPACITY - uint256(CAPACITY) * before / 1 days;
        uint256 drained = uint256(CAPACITY) * 4 * later / 1 days;
        vm.assertEq(room(), CAPACITY * 4 - (left > drained ? left - drained : 0), "room");
    }

    function test_cap_and_queue_bound_the_room() public {
        // Without limits but the cap: the whole of it waits in the queue, so nothing more finds room.
        setLimits(1, uint128(CAP), 10_000);
        vm.warp(block.timestamp + 2 days);
        submit(1, 0, transfer(alice, uint128(CAP) - 100 ether));
        vm.assertEq(room(), 100 ether, "under the cap, though the bucket was just filled to the same");
        submit(2, 0, bytes.concat(transfer(bob, 101 ether), transfer(bob, 1)));
        vm.assertEq(token.balanceOf(bob), 0, "what waits takes its place under the cap");
        vm.assertEq(queued(), 101 ether + 1, "queued beyond the cap");
        vm.assertEq(room(), 0, "0 where it would be negative");
    }

    function fillBucket() private {
        for (uint64 i = 1; i <= 10; ++i) {
            submit(i, 0, transfer(address(1), LARGEST));
        }
        vm.assertEq(queued(), 0, "all was minted");
    }

    function assertLimits(uint128 capacity, uint16 shareBps, uint128 nextCapacity, uint16 nextBps, uint64 from)
        private
        view
    {
        (uint128 capacity_, uint16 shareBps_,,, uint128 nextCapacity_, uint16 nextBps_, uint64 from_) = bridge.limits();
        vm.assertEq(capacity_, capacity, "capacity");
        vm.assertEq(shareBps_, shareBps, "share");
        vm.assertEq(nextCapacity_, nextCapacity, "next capacity");
        vm.assertEq(nextBps_, nextBps, "next share");
        vm.assertEq(from_, from, "from");
    }
}
