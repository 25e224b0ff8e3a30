// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../src/bridge/Errors.sol";
import {BridgeTest} from "./kit/BridgeTest.sol";
import {Hashes} from "./kit/Hashes.sol";
import {Validators, ValidatorsLib} from "./kit/Validators.sol";
import {vm} from "./kit/Vm.sol";

contract SetsTest is BridgeTest {
    using ValidatorsLib for Validators;

    Validators private next = ValidatorsLib.equal("next", 7);

    function test_a_newer_set_replaces_the_stored_one_at_once() public {
        Validators memory before = stored;
        install(next);
        vm.assertEq(bridge.setNonce(), 2, "nonce");
        vm.assertEq(bridge.setCreatedAt(), block.timestamp, "time");
        vm.assertEq(bridge.setHash(), Hashes.setHash(SALT, 2, uint64(block.timestamp), next.pack()), "hash");
        // The keys of the set before count for nothing any more.
        bytes memory sigs = before.sign(digest(Hashes.pause(1)), 1023);
        bytes memory set = before.pack();
        vm.expectRevert(abi.encodeWithSelector(WrongSet.selector));
        bridge.pauseByValidators(set, sigs, 1);
        submit(1, 0, transfer(alice, 1 ether));
    }

    function test_a_set_that_nobody_relayed_blocks_no_later_one() public {
        vm.warp(NOW + 1 hours);
        updateSet(9, NOW + 1 hours, next);
        vm.assertEq(bridge.setNonce(), 9, "sets 2 to 8 are skipped");
    }

    function test_a_set_is_newer_by_nonce_and_by_time() public {
        install(next);
        uint64 start = uint64(block.timestamp);
        assertRefused(2, start + 1, SetNotNewer.selector);
        assertRefused(1, start + 1, SetNotNewer.selector);
        assertRefused(3, start, SetNotNewer.selector);
        assertRefused(3, start - 1, SetNotNewer.selector);
        updateSet(3, start + 1, next);
    }

    function test_a_set_is_at_most_a_day_ahead() public {
        uint64 start = uint64(block.timestamp) + 1 days;
        assertRefused(2, start + 1, SetFromTheFuture.selector);
        updateSet(2, start, next);
    }

    function test_a_set_that_is_stale_on_arrival_is_refused() public {
        uint64 start = uint64(block.timestamp) + 1;
        vm.warp(start + MAX_SET_AGE + 1);
        assertRefused(2, start, SetTooOld.selector);
    }

    function test_a_malformed_set_is_refused() public {
        bytes memory good = ValidatorsLib.equal("good", 3).pack();
        assertMalformed("");
        assertMalformed(abi.encodePacked(uint64(0)));
        assertMalformed(bytes.concat(good, hex"00"));
        assertMalformed(cut(good, good.length - 1));
        assertMalformed(cut(good, good.length - 28)); // one member less than the total says
        assertMalformed(flipped(good, 7)); // another total
        assertMalformed(abi.encodePacked(uint64(2), alice, uint64(1), alice, uint64(1))); // one member twice
        (address low, address high) = alice < bob ? (alice, bob) : (bob, alice);
        assertMalformed(abi.encodePacked(uint64(2), high, uint64(1), low, uint64(1))); // not in order
        assertMalformed(abi.encodePacked(uint64(1), low, uint64(1), high, uint64(0))); // no power
        assertMalformed(abi.encodePacked(uint64(2), address(0), uint64(1), low, uint64(1))); // nobody
        // The sum must not wrap around.
        assertMalformed(abi.encodePacked(uint64(0), low, type(uint64).max, high, uint64(1)));
        assertMalformed(ValidatorsLib.equal("151", 151).pack());
        uint64 start = uint64(block.timestamp) + 1;
        updateSet(2, start, ValidatorsLib.equal("150", 150));
    }

    function test_one_member_is_a_set_and_the_greatest_total_counts() public {
        Validators memory one = ValidatorsLib.equal("one", 1);
        one.powers[0] = type(uint64).max;
        install(one);
        submit(1, 0, transfer(alice, 1 ether));
        vm.assertEq(token.balanceOf(alice), 1 ether, "minted");
    }

    function test_sets_go_on_while_the_bridge_is_paused() public {
        pause(1);
        install(next);
        vm.assertEq(bridge.setNonce(), 2, "installed");
    }

    // A stale set

    function test_a_set_is_live_until_the_last_second_of_its_age() public {
        vm.warp(bridge.setCreatedAt() + MAX_SET_AGE);
        submit(1, 0, transfer(alice, 1 ether));
        vm.warp(block.timestamp + 1);
        (bytes memory set, bytes memory sigs) =
            (stored.pack(), sign(Hashes.batch(2, NOW + 30 days, 0, transfer(alice, 1 ether))));
        vm.expectRevert(abi.encodeWithSelector(StoredSetStale.selector));
        bridge.submitBatch(set, sigs, 2, NOW + 30 days, 0, transfer(alice, 1 ether));
    }

    function test_a_stale_set_only_proposes_and_anyone_installs_later() public {
        makeStale();
        uint64 start = uint64(block.timestamp);
        updateSet(4, start, next);
        uint64 installAt = start + MAX_SET_AGE / 2;
        assertProposed(4, start, installAt);
        vm.assertEq(bridge.setNonce(), 1, "not installed");

        vm.warp(installAt - 1);
        vm.expectRevert(abi.encodeWithSelector(TooEarly.selector, installAt));
        bridge.installProposed();
        vm.warp(installAt);
        vm.prank(bob);
        bridge.installProposed();
        vm.assertEq(bridge.setNonce(), 4, "installed");
        vm.assertEq(bridge.setCreatedAt(), start, "with its own time");
        assertProposed(0, 0, 0);
        stored = next;
        submit(1, 0, transfer(alice, 1 ether));
        vm.expectRevert(abi.encodeWithSelector(NoProposal.selector));
        bridge.installProposed();
    }

    function test_nothing_mints_before_the_proposed_set_is_installed() public {
        enqueue(1, alice, 2_000 ether);
        makeStale();
        updateSet(2, uint64(block.timestamp), next);
        vm.warp(block.timestamp + MAX_SET_AGE / 2);
        vm.expectRevert(abi.encodeWithSelector(StoredSetStale.selector));
        bridge.release(1);
        vm.assertEq(token.totalSupply(), 0, "nothing minted");
    }

    function test_a_proposal_is_installed_while_paused() public {
        makeStale();
        updateSet(2, uint64(block.timestamp), next);
        pause(1);
        vm.warp(block.timestamp + MAX_SET_AGE / 2);
        bridge.installProposed();
    }

    function test_the_guardian_vetoes_a_proposal_and_it_is_not_proposed_again() public {
        makeStale();
        uint64 start = uint64(block.timestamp);
        updateSet(4, start, next);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(NoProposal.selector));
        bridge.vetoSet(3);
        vm.expectRevert(abi.encodeWithSelector(NotGuardian.selector));
        bridge.vetoSet(4);
        vm.warp(start + MAX_SET_AGE / 2);
        vm.prank(guardian);
        bridge.vetoSet(4);
        assertProposed(0, 0, 0);
        vm.expectRevert(abi.encodeWithSelector(NoProposal.selector));
        bridge.installProposed();
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(NoProposal.selector));
        bridge.vetoSet(4);

        vm.warp(start + 1);
        assertRefused(4, start, SetVetoed.selector);
        // Another one is taken, also one of a lower nonce: thieves who name the highest block nothing.
        updateSet(2, start + 1, next);
        assertProposed(2, start + 1, start + 1 + MAX_SET_AGE / 2);
    }

    function test_the_guardian_vetoes_a_proposal_while_paused() public {
        makeStale();
        updateSet(2, uint64(block.timestamp), next);
        pause(1);
        vm.prank(guardian);
        bridge.vetoSet(2);
        assertProposed(0, 0, 0);
    }

    function test_a_proposal_keeps_its_place_until_it_is_too_old() public {
        makeStale();
        uint64 start = uint64(block.timestamp);
        updateSet(2, start, next);
        assertRefused(2, start, ProposalWaits.selector);
        vm.warp(start + MAX_SET_AGE);
        assertRefused(3, start + MAX_SET_AGE, ProposalWaits.selector);
        // A proposal that nobody installed in time blocks nothing.
        vm.warp(start + MAX_SET_AGE + 1);
        vm.expectRevert(abi.encodeWithSelector(SetTooOld.selector));
        bridge.installProposed();
        updateSet(3, start + MAX_SET_AGE, next);
        vm.warp(block.timestamp + MAX_SET_AGE / 2);
        bridge.installProposed();
        vm.assertEq(bridge.setNonce(), 3, "recovered");
    }

    function test_old_signed_sets_cannot_fill_the_place_one_after_the_other() public {
        makeStale();
        // A proposal must be live for a fifth of the age when it may be installed, so it is at most 1.5 days old.
        uint64 oldest = uint64(block.timestamp) + MAX_SET_AGE / 2 + MAX_SET_AGE / 5 - MAX_SET_AGE;
        assertRefused(2, oldest - 1, SetTooOld.selector);
        vm.assertTrue(oldest - 1 > bridge.setCreatedAt(), "though it is newer than the stored one, and live");
        updateSet(2, oldest, next);
        vm.warp(block.timestamp + MAX_SET_AGE / 2);
        bridge.installProposed();
        vm.assertTrue(block.timestamp + MAX_SET_AGE / 5 <= bridge.setCreatedAt() + MAX_SET_AGE, "live for a day");
    }

    function test_a_chain_that_halted_longer_than_the_age_of_a_set_goes_on() public {
        submit(1, 0, transfer(alice, 10 ether));
        pause(1);
        vm.warp(block.timestamp + 60 days);
        vm.prank(alice);
        bridge.burn(1 ether, alice);
        updateSet(2, uint64(block.timestamp), next);
        vm.warp(block.timestamp + MAX_SET_AGE / 2);
        bridge.installProposed();
        stored = next;
        unpause(1, 1);
        submit(2, 0, transfer(alice, 1 ether));
        vm.assertEq(token.balanceOf(alice), 10 ether, "minted again");
    }

    function test_set_calls_are_refused_on_the_wrong_side_of_a_split() public {
        makeStale();
        updateSet(2, uint64(block.timestamp), next);
        vm.warp(block.timestamp + MAX_SET_AGE / 2);
        vm.chainId(BASE + 1);
        vm.expectRevert(abi.encodeWithSelector(WrongChain.selector, BASE + 1));
        bridge.installProposed();
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(WrongChain.selector, BASE + 1));
        bridge.vetoSet(2);
    }

    function assertProposed(uint64 nonce, uint64 createdAt, uint64 installAt) private view {
        (uint64 nonce_, uint64 createdAt_, bytes32 hash, uint64 installAt_) = bridge.proposed();
        vm.assertEq(nonce_, nonce, "nonce");
        vm.assertEq(createdAt_, createdAt, "created at");
        vm.assertEq(installAt_, installAt, "install at");
        bytes32 expected = nonce == 0 ? bytes32(0) : Hashes.setHash(SALT, nonce, createdAt, next.pack());
        vm.assertEq(hash, expected, "hash");
    }

    function assertRefused(uint64 nonce, uint64 createdAt, bytes4 reason) private {
        assertRefused(nonce, createdAt, next.pack(), reason);
    }

    function assertMalformed(bytes memory set) private {
        assertRefused(2, uint64(block.timestamp) + 1, set, MalformedSet.selector);
    }

    function assertRefused(uint64 nonce, uint64 createdAt, bytes memory set, bytes4 reason) private {
        bytes memory sigs = sign(Hashes.valset(nonce, createdAt, Hashes.setHash(SALT, nonce, createdAt, set)));
        bytes memory before = stored.pack();
        vm.expectPartialRevert(reason);
        bridge.updateSet(before, sigs, nonce, createdAt, set);
    }

    function cut(bytes memory data, uint256 length) private pure returns (bytes memory shorter) {
        shorter = new bytes(length);
        for (uint256 i = 0; i < length; ++i) {
            shorter[i] = data[i];
        }
    }

    function flipped(bytes memory data, uint256 i) private pure returns (bytes memory other) {
        other = bytes.concat(data);
        other[i] ^= 0x01;
    }
}
