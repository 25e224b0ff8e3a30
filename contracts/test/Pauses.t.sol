// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../src/bridge/Errors.sol";
import {BridgeTest} from "./kit/BridgeTest.sol";
import {Hashes} from "./kit/Hashes.sol";
import {Validators, ValidatorsLib} from "./kit/Validators.sol";
import {vm} from "./kit/Vm.sol";

contract PausesTest is BridgeTest {
    using ValidatorsLib for Validators;

    uint64 private constant FOREVER = type(uint64).max;

    function test_the_guardian_pauses_for_72_hours_and_again_after_seven_days() public {
        vm.prank(guardian);
        bridge.pauseByGuardian();
        uint64 start = uint64(block.timestamp);
        assertPause(start + 72 hours, 1, start + 7 days);
        vm.warp(start + 72 hours - 1);
        assertMints(false);
        vm.warp(start + 72 hours);
        assertMints(true);
        vm.warp(start + 7 days - 1);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(TooEarly.selector, start + 7 days));
        bridge.pauseByGuardian();
        vm.warp(start + 7 days);
        vm.prank(guardian);
        bridge.pauseByGuardian();
        assertPause(start + 10 days, 2, start + 14 days);
    }

    function test_only_the_guardian_pauses_alone() public {
        vm.expectRevert(abi.encodeWithSelector(NotGuardian.selector));
        bridge.pauseByGuardian();
    }

    function test_the_guardian_pauses_a_stale_bridge() public {
        makeStale();
        vm.prank(guardian);
        bridge.pauseByGuardian();
    }

    function test_validators_pause_until_unpause() public {
        pause(1);
        assertPause(FOREVER, 1, 0);
        assertMints(false);
        vm.warp(block.timestamp + 4 days);
        assertMints(false);
        unpause(1, 1);
        assertPause(0, 2, 0);
        assertMints(true);
    }

    function test_the_end_of_a_pause_never_falls_but_by_unpause() public {
        pause(1);
        vm.prank(guardian);
        bridge.pauseByGuardian();
        assertPause(FOREVER, 2, uint64(block.timestamp) + 7 days);
    }

    function test_a_pause_is_one_to_four_above_the_stored_nonce() public {
        assertPauseRefused(0);
        assertPauseRefused(5);
        pause(4);
        assertPause(FOREVER, 4, 0);
        assertPauseRefused(4);
        assertPauseRefused(3);
        assertPauseRefused(9);
        assertPauseRefused(FOREVER);
        pause(5);
    }

    function test_a_pause_signed_before_the_all_clear_is_worth_nothing_after_it() public {
        bytes memory old = sign(Hashes.pause(2));
        bytes memory set = stored.pack();
        pause(1);
        unpause(1, 1);
        vm.expectRevert(abi.encodeWithSelector(WrongPauseNonce.selector, 2));
        bridge.pauseByValidators(set, old, 2);
        assertMints(true);
    }

    function test_an_all_clear_signed_before_the_last_pause_is_worth_nothing_after_it() public {
        pause(1);
        bytes memory old = sign(Hashes.unpause(1, 1));
        bytes memory set = stored.pack();
        pause(2);
        vm.expectRevert(abi.encodeWithSelector(WrongPauseNonce.selector, 2));
        bridge.unpause(set, old, 1, 1);
        assertMints(false);
        // The same for a pause by the guardian.
        old = sign(Hashes.unpause(1, 2));
        vm.prank(guardian);
        bridge.pauseByGuardian();
        vm.expectRevert(abi.encodeWithSelector(WrongPauseNonce.selector, 3));
        bridge.unpause(set, old, 1, 2);
        unpause(1, 3);
        assertMints(true);
    }

    /// @dev The DIEM chain sees an all-clear only when it is final, so the nonce it counts from may be behind.
    function test_a_pause_collected_before_an_all_clear_was_seen_still_counts() public {
        bytes memory collected = sign(Hashes.pause(3));
        bytes memory set = stored.pack();
        pause(1);
        unpause(1, 1);
        bridge.pauseByValidators(set, collected, 3);
        assertPause(FOREVER, 3, 0);
    }

    function test_after_a_pause_only_exits_and_what_tightens_goes_on() public {
        submit(1, 0, transfer(alice, 5 ether));
        pause(1);
        vm.prank(alice);
        bridge.burn(1 ether, bob);
        install(ValidatorsLib.equal("next", 10));
        setLimits(1, CAPACITY / 2, SHARE_BPS);
        vm.prank(guardian);
        bridge.lowerLimits(1 ether, 1);
        assertMints(false);
        // The token itself never pauses.
        vm.prank(alice);
        token.transfer(bob, 1 ether);
    }

    function test_a_new_guardian_takes_over_the_office() public {
        vm.prank(guardian);
        bridge.pauseByGuardian();
        bytes memory sigs = sign(Hashes.setGuardian(1, alice));
        bridge.setGuardian(stored.pack(), sigs, 1, alice);
        vm.assertEq(bridge.guardian(), alice, "guardian");
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(NotGuardian.selector));
        bridge.lowerLimits(0, 1);
        vm.prank(alice);
        bridge.lowerLimits(0, 1);
        vm.prank(alice);
        vm.expectPartialRevert(TooEarly.selector);
        bridge.pauseByGuardian();
    }

    function test_nobody_is_no_guardian() public {
        bytes memory sigs = sign(Hashes.setGuardian(1, address(0)));
        bytes memory set = stored.pack();
        vm.expectRevert(abi.encodeWithSelector(Zero.selector));
        bridge.setGuardian(set, sigs, 1, address(0));
    }

    function test_an_action_that_should_no_longer_happen_is_overtaken_by_any_other() public {
        bytes memory sigs = sign(Hashes.setGuardian(3, alice));
        setLimits(4, CAPACITY / 2, SHARE_BPS);
        bytes memory set = stored.pack();
        vm.expectRevert(abi.encodeWithSelector(AdminNonceUsed.selector, 3));
        bridge.setGuardian(set, sigs, 3, alice);
    }

    function test_the_guardian_is_refused_on_the_wrong_side_of_a_split() public {
        vm.chainId(BASE + 1);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(WrongChain.selector, BASE + 1));
        bridge.pauseByGuardian();
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(WrongChain.selector, BASE + 1));
        bridge.lowerLimits(0, 1);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(WrongChain.selector, BASE + 1));
        bridge.vetoMove(alice);
    }

    function assertPause(uint64 until, uint64 nonce, uint64 guardianAgainAt) private view {
        (uint64 until_, uint64 nonce_, uint64 again) = bridge.pauseState();
        vm.assertEq(until_, until, "until");
        vm.assertEq(nonce_, nonce, "nonce");
        vm.assertEq(again, guardianAgainAt, "guardian again at");
    }

    function assertPauseRefused(uint64 nonce) private {
        bytes memory sigs = sign(Hashes.pause(nonce));
        bytes memory set = stored.pack();
        vm.expectRevert(abi.encodeWithSelector(WrongPauseNonce.selector, pauseNonce()));
        bridge.pauseByValidators(set, sigs, nonce);
    }

    function assertMints(bool expected) private {
        uint256 state = vm.snapshotState();
        (bool minted, bytes memory reason) = address(this).call(abi.encodeCall(this.mint, ()));
        vm.assertTrue(minted == expected, "mints");
        if (!minted) vm.assertEq(bytes32(bytes4(reason)), bytes32(Paused.selector), "because of the pause");
        vm.revertToState(state);
    }

    function mint() external {
        submit(1_000, 0, transfer(alice, 1 ether));
    }
}
