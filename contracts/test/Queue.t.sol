// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../src/bridge/Errors.sol";
import {BridgeTest} from "./kit/BridgeTest.sol";
import {vm} from "./kit/Vm.sol";

contract QueueTest is BridgeTest {
    uint128 private constant AMOUNT = 2_000 ether;

    function setUp() public override {
        super.setUp();
        enqueue(1, alice, AMOUNT);
    }

    function test_an_item_is_released_by_anyone_after_a_day() public {
        (address to, uint128 amount, uint64 readyAt, uint64 vetoedUntil, bool vetoed) = bridge.queue(1);
        vm.assertEq(to, alice, "to");
        vm.assertEq(amount, AMOUNT, "amount");
        vm.assertEq(readyAt, block.timestamp + 86_400, "ready at");
        vm.assertEq(vetoedUntil, 0, "no veto");
        vm.assertTrue(!vetoed, "no veto");

        vm.warp(readyAt - 1);
        vm.expectRevert(abi.encodeWithSelector(TooEarly.selector, readyAt));
        bridge.release(1);
        vm.warp(readyAt);
        vm.prank(bob);
        bridge.release(1);
        vm.assertEq(token.balanceOf(alice), AMOUNT, "minted");
        vm.assertEq(queued(), 0, "queue");
        (to, amount, readyAt,,) = bridge.queue(1);
        vm.assertTrue(to == address(0) && amount == 0 && readyAt == 0, "gone");
    }

    function test_an_item_is_released_once() public {
        vm.warp(block.timestamp + 1 days);
        bridge.release(1);
        vm.expectRevert(abi.encodeWithSelector(NoSuchItem.selector, 1));
        bridge.release(1);
        vm.expectRevert(abi.encodeWithSelector(NoSuchItem.selector, 2));
        bridge.release(2);
        vm.expectRevert(abi.encodeWithSelector(NoSuchItem.selector, 0));
        bridge.release(0);
    }

    function test_release_ignores_the_bucket() public {
        vm.warp(block.timestamp + 1 days);
        for (uint64 i = 2; i < 12; ++i) {
            submit(i, 0, transfer(bob, 1_000 ether));
        }
        vm.assertEq(room(), 0, "full");
        bridge.release(1);
        vm.assertEq(token.balanceOf(alice), AMOUNT, "released");
        vm.assertEq(room(), 0, "and fills nothing");
    }

    function test_release_obeys_a_pause() public {
        vm.warp(block.timestamp + 1 days);
        pause(1);
        vm.expectRevert(abi.encodeWithSelector(Paused.selector, type(uint64).max));
        bridge.release(1);
        unpause(1, 1);
        bridge.release(1);
    }

    function test_release_needs_a_live_set() public {
        makeStale();
        vm.expectRevert(abi.encodeWithSelector(StoredSetStale.selector));
        bridge.release(1);
    }

    function test_release_is_refused_on_the_wrong_side_of_a_split() public {
        vm.warp(block.timestamp + 1 days);
        vm.chainId(BASE + 1);
        vm.expectRevert(abi.encodeWithSelector(WrongChain.selector, BASE + 1));
        bridge.release(1);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(WrongChain.selector, BASE + 1));
        bridge.veto(1);
    }

    function test_release_stops_at_the_cap_and_goes_on_when_there_is_room() public {
        setLimits(1, uint128(CAP), 10_000);
        vm.warp(block.timestamp + 2 days);
        submit(2, 0, transfer(bob, uint128(CAP) - AMOUNT));
        vm.assertEq(token.totalSupply(), CAP - AMOUNT, "the item still fits");
        enqueue(3, bob, 1);
        vm.warp(block.timestamp + 1 days);
        bridge.release(1);
        vm.expectRevert(abi.encodeWithSelector(CapReached.selector));
        bridge.release(2);
        vm.prank(bob);
        bridge.burn(0.01 ether, bob);
        bridge.release(2);
    }

    function test_a_veto_freezes_an_item_for_14_days_and_once() public {
        vm.prank(guardian);
        bridge.veto(1);
        uint64 until = uint64(block.timestamp) + 14 days;
        (,,, uint64 vetoedUntil, bool vetoed) = bridge.queue(1);
        vm.assertEq(vetoedUntil, until, "until");
        vm.assertTrue(vetoed, "vetoed");
        vm.warp(until - 1);
        keepAlive();
        vm.expectRevert(abi.encodeWithSelector(TooEarly.selector, until));
        bridge.release(1);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(AlreadyVetoed.selector, 1));
        bridge.veto(1);
        vm.warp(until);
        bridge.release(1);
    }

    function test_a_veto_works_while_paused_and_stale_and_after_a_day() public {
        pause(1);
        makeStale();
        vm.prank(guardian);
        bridge.veto(1);
    }

    function test_only_the_guardian_vetoes_and_only_what_waits() public {
        vm.expectRevert(abi.encodeWithSelector(NotGuardian.selector));
        bridge.veto(1);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(NoSuchItem.selector, 2));
        bridge.veto(2);
    }

    function test_validators_lift_a_veto_and_the_item_is_ready_at_once() public {
        vm.prank(guardian);
        bridge.veto(1);
        resolveQueue(1, 1, true);
        (,, uint64 readyAt, uint64 vetoedUntil,) = bridge.queue(1);
        vm.assertEq(readyAt, block.timestamp, "ready");
        vm.assertEq(vetoedUntil, 0, "lifted");
        bridge.release(1);
        vm.assertEq(token.balanceOf(alice), AMOUNT, "minted");
    }

    function test_what_validators_decided_the_guardian_does_not_veto() public {
        resolveQueue(1, 1, true);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(AlreadyVetoed.selector, 1));
        bridge.veto(1);
    }

    function test_validators_cancel_an_item() public {
        resolveQueue(5, 1, false);
        vm.assertEq(queued(), 0, "queue");
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert(abi.encodeWithSelector(NoSuchItem.selector, 1));
        bridge.release(1);
        vm.assertEq(token.totalSupply(), 0, "nothing minted");
    }

    function test_validators_resolve_while_paused() public {
        pause(1);
        resolveQueue(1, 1, false);
        vm.assertEq(queued(), 0, "cancelled");
    }

    function test_an_action_that_can_no_longer_succeed_blocks_no_other() public {
        vm.warp(block.timestamp + 1 days);
        bridge.release(1);
        // Action 1 was to cancel the item, which is gone.
        (bool success,) = address(this).call(abi.encodeCall(this.resolve, (1, 1, false)));
        vm.assertTrue(!success, "refused");
        vm.assertEq(bridge.adminNonce(), 0, "and counts for nothing");
        setLimits(2, CAPACITY / 2, SHARE_BPS);
        vm.assertEq(bridge.adminNonce(), 2, "the next one goes on");
        // One that was overtaken is worth nothing any more.
        enqueue(2, alice, AMOUNT);
        vm.expectRevert(abi.encodeWithSelector(AdminNonceUsed.selector, 1));
        this.resolve(1, 2, false);
    }

    function test_a_limit_of_zero_with_a_queued_item_is_closed_and_can_be_cancelled() public {
        vm.prank(guardian);
        bridge.lowerLimits(0, 1);
        vm.warp(block.timestamp + 1 days);
        vm.expectRevert(abi.encodeWithSelector(Closed.selector));
        bridge.release(1);
        resolveQueue(1, 1, false);
        vm.assertEq(queued(), 0, "cancelled");
    }

    function test_ids_begin_with_one_and_go_on_over_batches() public {
        submit(2, 0, bytes.concat(transfer(bob, AMOUNT), transfer(bob, 1), transfer(alice, AMOUNT)));
        (address second,,,,) = bridge.queue(2);
        (address third,,,,) = bridge.queue(3);
        vm.assertEq(second, bob, "2");
        vm.assertEq(third, alice, "3");
    }

    function resolve(uint64 adminNonce, uint64 queueId, bool release) external {
        resolveQueue(adminNonce, queueId, release);
    }

    /// @dev The validators' next set, proposed while they were idle and installed now, would take half of the age; for a
    /// test of the queue it is enough that the stored one is young.
    function keepAlive() private {
        uint256 slot0 = uint256(vm.load(address(bridge), 0));
        slot0 = slot0 & ~(uint256(type(uint64).max) << 128) | uint256(block.timestamp) << 128;
        vm.store(address(bridge), 0, bytes32(slot0));
    }
}
