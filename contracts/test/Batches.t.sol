// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../src/bridge/Errors.sol";
import {BridgeTest} from "./kit/BridgeTest.sol";
import {Hashes} from "./kit/Hashes.sol";
import {Validators, ValidatorsLib} from "./kit/Validators.sol";
import {vm} from "./kit/Vm.sol";

contract BatchesTest is BridgeTest {
    using ValidatorsLib for Validators;

    function test_recipients_get_their_amounts_and_the_caller_the_fee() public {
        submit(1, 2 ether, bytes.concat(transfer(alice, 30 ether), transfer(bob, 40 ether), transfer(alice, 1 ether)));
        vm.assertEq(token.balanceOf(alice), 31 ether, "alice");
        vm.assertEq(token.balanceOf(bob), 40 ether, "bob");
        vm.assertEq(token.balanceOf(relayer), 2 ether, "relayer");
        vm.assertEq(token.totalSupply(), 73 ether, "supply");
        vm.assertEq(room(), CAPACITY - 73 ether, "room");
        vm.assertTrue(bridge.executed(1) && !bridge.executed(2), "executed");
    }

    function test_a_nonce_is_executed_once_and_in_any_order() public {
        bytes memory transfers = transfer(alice, 1 ether);
        submit(300, 0, transfers);
        submit(7, 0, transfers);
        submit(type(uint64).max, 0, transfers);
        submit(8, 0, transfers);
        vm.assertEq(token.balanceOf(alice), 4 ether, "four batches");
        uint64[4] memory nonces = [300, 7, type(uint64).max, 8];
        for (uint256 i = 0; i < nonces.length; ++i) {
            // Another batch of the nonce, signed by all, is refused as well: whoever replaced it gets nothing out of it.
            (bytes memory set, bytes memory sigs) = signedBatch(nonces[i], 5, transfers);
            vm.expectRevert(abi.encodeWithSelector(NonceUsed.selector, nonces[i]));
            bridge.submitBatch(set, sigs, nonces[i], NOW + 1 days, 5, transfers);
        }
    }

    function test_nonces_begin_with_one() public {
        (bytes memory set, bytes memory sigs) = signedBatch(0, 0, transfer(alice, 1));
        vm.expectRevert(abi.encodeWithSelector(NonceUsed.selector, 0));
        bridge.submitBatch(set, sigs, 0, NOW + 1 days, 0, transfer(alice, 1));
    }

    function test_a_batch_executes_until_its_deadline_and_never_after() public {
        (bytes memory set, bytes memory sigs) = signedBatch(1, 0, transfer(alice, 1 ether));
        vm.warp(NOW + 1 days + 1);
        vm.expectRevert(abi.encodeWithSelector(Expired.selector, NOW + 1 days));
        bridge.submitBatch(set, sigs, 1, NOW + 1 days, 0, transfer(alice, 1 ether));
        vm.warp(NOW + 1 days);
        bridge.submitBatch(set, sigs, 1, NOW + 1 days, 0, transfer(alice, 1 ether));
    }

    function test_after_base_halted_for_two_hours_a_batch_executes_and_after_two_days_it_never_does() public {
        (bytes memory set, bytes memory sigs) = signedBatch(1, 0, transfer(alice, 1 ether));
        (, bytes memory later) = signedBatch(2, 0, transfer(alice, 1 ether));
        vm.warp(block.timestamp + 2 hours);
        bridge.submitBatch(set, sigs, 1, NOW + 1 days, 0, transfer(alice, 1 ether));
        vm.warp(block.timestamp + 2 days);
        vm.expectRevert(abi.encodeWithSelector(Expired.selector, NOW + 1 days));
        bridge.submitBatch(set, later, 2, NOW + 1 days, 0, transfer(alice, 1 ether));
    }

    function test_transfers_are_one_to_a_hundred_of_36_bytes() public {
        assertWrong("");
        assertWrong(hex"00");
        bytes memory one = transfer(alice, 1);
        assertWrong(bytes.concat(one, hex"00"));
        bytes memory hundred;
        for (uint256 i = 0; i < 100; ++i) {
            hundred = bytes.concat(hundred, one);
        }
        assertWrong(bytes.concat(hundred, one));
        submit(1, 0, hundred);
        vm.assertEq(token.balanceOf(alice), 100, "a hundred");
    }

    /// @dev The DIEM chain makes no such batch. If it did, it would refund it.
    function test_a_batch_for_nobody_never_executes() public {
        (bytes memory set, bytes memory sigs) =
            signedBatch(1, 0, bytes.concat(transfer(alice, 1), transfer(address(0), 1)));
        vm.expectPartialRevert(bytes4(keccak256("ERC20InvalidReceiver(address)")));
        bridge.submitBatch(set, sigs, 1, NOW + 1 days, 0, bytes.concat(transfer(alice, 1), transfer(address(0), 1)));
        vm.assertTrue(!bridge.executed(1), "not executed");
    }

    function test_signatures_of_the_stored_set_count_until_it_is_replaced() public {
        Validators memory before = stored;
        (bytes memory set, bytes memory sigs) = signedBatch(1, 0, transfer(alice, 1 ether));
        // The batch was signed by the set of before, which the set of now does not know.
        install(ValidatorsLib.equal("rotated", 10));
        vm.expectRevert(abi.encodeWithSelector(WrongSet.selector));
        bridge.submitBatch(set, sigs, 1, NOW + 1 days, 0, transfer(alice, 1 ether));
        bytes memory mixed = before.sign(digest(Hashes.batch(1, NOW + 1 days, 0, transfer(alice, 1 ether))), 1023);
        set = stored.pack();
        vm.expectPartialRevert(WrongSigner.selector);
        bridge.submitBatch(set, mixed, 1, NOW + 1 days, 0, transfer(alice, 1 ether));
        // It is not lost: the set of now signs the same batch.
        (set, sigs) = signedBatch(1, 0, transfer(alice, 1 ether));
        bridge.submitBatch(set, sigs, 1, NOW + 1 days, 0, transfer(alice, 1 ether));
    }

    function test_a_high_s_is_refused_even_if_the_signer_is_a_member() public {
        bytes memory transfers = transfer(alice, 1 ether);
        bytes32 signed = digest(Hashes.batch(1, NOW + 1 days, 0, transfers));
        // For any r of a point and any s somebody is the signer; here s is just above half of the order.
        (bytes32 r,) = vm.signCompact(1, signed);
        uint256 half = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
        address high = ecrecover(signed, 27, r, bytes32(half + 1));
        address low = ecrecover(signed, 27, r, bytes32(half));
        vm.assertTrue(high != address(0) && low != address(0), "there are signers");
        uint256 state = vm.snapshotState();

        bytes memory set = abi.encodePacked(uint64(1), low, uint64(1));
        installBytes(set);
        bridge.submitBatch(set, abi.encodePacked(uint8(1), r, half), 1, NOW + 1 days, 0, transfers);

        vm.revertToState(state);
        set = abi.encodePacked(uint64(1), high, uint64(1));
        installBytes(set);
        vm.expectRevert(abi.encodeWithSelector(WrongSigner.selector, 0));
        bridge.submitBatch(set, abi.encodePacked(uint8(1), r, half + 1), 1, NOW + 1 days, 0, transfers);
    }

    function test_a_batch_replaced_under_its_own_nonce_has_another_hash_in_event_2() public {
        bytes32[2] memory found;
        bytes memory totals;
        for (uint256 i = 0; i < 2; ++i) {
            uint256 state = vm.snapshotState();
            vm.recordLogs();
            bytes memory transfers = i == 0
                ? bytes.concat(transfer(alice, 1 ether), transfer(bob, 2 ether))
                : bytes.concat(transfer(alice, 2 ether), transfer(bob, 1 ether));
            submit(1, NOW + 1 days, 1, transfers);
            Event[] memory all = events();
            vm.assertEq(all[0].kind, 2, "BatchExecuted");
            found[i] = word(all[0].payload, 8);
            vm.assertEq(found[i], Hashes.batch(1, NOW + 1 days, 1, transfers), "the struct hash");
            if (i == 0) totals = tail(all[0].payload, 60);
            else vm.assertEq(tail(all[0].payload, 60), totals, "the same totals");
            vm.revertToState(state);
        }
        vm.assertTrue(found[0] != found[1], "the hash tells them apart");
    }

    function test_the_greatest_batch_of_the_greatest_set_stays_below_the_gas_of_a_transaction() public {
        install(ValidatorsLib.equal("all", 150));
        bytes memory transfers;
        for (uint256 i = 0; i < 100; ++i) {
            transfers = bytes.concat(transfers, transfer(address(uint160(0xabc000 + i)), 1_001 ether));
        }
        bytes memory sigs = stored.sign(digest(Hashes.batch(1, NOW + 1 days, 1_001 ether, transfers)), (1 << 150) - 1);
        bytes memory set = stored.pack();
        bytes memory data = abi.encodeCall(bridge.submitBatch, (set, sigs, 1, NOW + 1 days, 1_001 ether, transfers));
        (bool success,) = address(bridge).call(data);
        vm.assertTrue(success, "executed");
        vm.assertEq(queued(), 101 * 1_001 ether, "every item is queued, which costs most");
        // Beside it come 16 gas a byte of calldata and 21,000.
        vm.assertLt(vm.lastCallGas().gasTotalUsed + 16 * data.length + 21_000, 16_777_216 / 2, "gas");
    }

    function signedBatch(uint64 nonce, uint128 fee, bytes memory transfers)
        private
        view
        returns (bytes memory set, bytes memory sigs)
    {
        return (stored.pack(), sign(Hashes.batch(nonce, NOW + 1 days, fee, transfers)));
    }

    function assertWrong(bytes memory transfers) private {
        (bytes memory set, bytes memory sigs) = signedBatch(1, 0, transfers);
        vm.expectRevert(abi.encodeWithSelector(WrongTransfers.selector));
        bridge.submitBatch(set, sigs, 1, NOW + 1 days, 0, transfers);
    }

    function installBytes(bytes memory set) private {
        uint64 createdAt = uint64(block.timestamp) + 1;
        bytes memory sigs = sign(Hashes.valset(2, createdAt, Hashes.setHash(SALT, 2, createdAt, set)));
        bridge.updateSet(stored.pack(), sigs, 2, createdAt, set);
    }

    function word(bytes memory data, uint256 offset) private pure returns (bytes32 value) {
        for (uint256 i = 0; i < 32; ++i) {
            value |= bytes32(data[offset + i]) >> (8 * i);
        }
    }

    function tail(bytes memory data, uint256 from) private pure returns (bytes memory rest) {
        rest = new bytes(data.length - from);
        for (uint256 i = 0; i < rest.length; ++i) {
            rest[i] = data[from + i];
        }
    }
}
