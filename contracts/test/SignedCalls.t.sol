// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../src/bridge/Errors.sol";
import {BridgeTest} from "./kit/BridgeTest.sol";
import {Hashes} from "./kit/Hashes.sol";
import {Validators, ValidatorsLib} from "./kit/Validators.sol";
import {vm} from "./kit/Vm.sol";

/// @dev What is the same for every call that needs signatures, in every case that must not pass. Each call is a contract
/// below: it says what is signed, how it is sent, and what the state of the bridge means for it.
abstract contract SignedCall is BridgeTest {
    using ValidatorsLib for Validators;

    /// @dev The error of a call in a state that allows it.
    bytes4 internal constant NONE = 0;

    function structHash() internal view virtual returns (bytes32);

    function encode(bytes memory set, bytes memory sigs) internal view virtual returns (bytes memory);

    /// @dev The same call with another value in each of its fields, one after the other.
    function changed(bytes memory set, bytes memory sigs) internal view virtual returns (bytes[] memory);

    /// @dev The fewest of `count` equal powers.
    function fewest(uint256 count) internal pure virtual returns (uint256) {
        return ValidatorsLib.quorum(count);
    }

    function whenReplayed() internal pure virtual returns (bytes4) {
        return AdminNonceUsed.selector;
    }

    function whenStale() internal pure virtual returns (bytes4) {
        return StoredSetStale.selector;
    }

    function whenFresh() internal pure virtual returns (bytes4) {
        return Fresh.selector;
    }

    function whenPaused() internal pure virtual returns (bytes4) {
        return NONE;
    }

    function test_the_fewest_signatures_are_enough() public {
        send(signedBy(ValidatorsLib.first(fewest(10))), NONE);
    }

    function test_one_signature_short_is_refused() public {
        send(signedBy(ValidatorsLib.first(fewest(10) - 1)), NotEnoughPower.selector);
    }

    function test_no_signature_is_refused() public {
        send(signedBy(0), NotEnoughPower.selector);
    }

    function test_two_of_three_equal_powers_are_refused() public virtual {
        install(ValidatorsLib.equal("three", 3));
        send(signedBy(3), NotEnoughPower.selector);
        send(signedBy(7), NONE);
    }

    function test_power_counts_and_not_heads() public {
        Validators memory set = ValidatorsLib.equal("whale", 10);
        set.powers[9] = 100 * ValidatorsLib.POWER;
        install(set);
        send(signedBy(ValidatorsLib.first(9)), NotEnoughPower.selector);
        send(signedBy(1 << 9), NONE);
    }

    function test_a_wrong_set_is_refused() public {
        bytes memory sigs = signedBy(ValidatorsLib.first(10));
        bytes memory set = stored.pack();
        for (uint256 i = 0; i < set.length; i += 7) {
            bytes memory other = bytes.concat(set);
            other[i] ^= 0x01;
            sendEncoded(encode(other, sigs), WrongSet.selector);
        }
        sendEncoded(encode(bytes.concat(set, hex"00"), sigs), WrongSet.selector);
        sendEncoded(encode("", sigs), WrongSet.selector);
        sendEncoded(encode(ValidatorsLib.equal("strangers", 10).pack(), sigs), WrongSet.selector);
    }

    function test_a_wrong_signer_is_refused() public {
        Validators memory set = stored;
        set.keys[6] = uint256(keccak256("stranger"));
        send(set.sign(digest(structHash()), ValidatorsLib.first(10)), WrongSigner.selector);
    }

    function test_a_duplicate_signature_is_refused() public {
        Validators memory set = stored;
        for (uint256 i = 1; i < 10; ++i) {
            set.keys[i] = set.keys[0];
        }
        send(set.sign(digest(structHash()), ValidatorsLib.first(10)), WrongSigner.selector);
    }

    function test_one_bit_too_many_is_refused() public {
        bytes memory sigs = signedBy(ValidatorsLib.first(9));
        // Member 9 has a bit and no signature: what follows in calldata is none.
        sigs[1] |= 0x02;
        send(sigs, WrongSigner.selector);
        // There is no member 10 to 15.
        for (uint256 i = 2; i < 8; ++i) {
            sigs = signedBy(ValidatorsLib.first(9));
            sigs[1] |= bytes1(uint8(1 << i));
            send(sigs, WrongSignatureList.selector);
        }
    }

    function test_a_list_of_another_length_is_refused() public {
        bytes memory sigs = signedBy(ValidatorsLib.first(9));
        send(bytes.concat(sigs, hex"00"), WrongSignatureList.selector);
        send(
            bytes.concat(sigs, ValidatorsLib.signature(stored.keys[9], digest(structHash()))),
            WrongSignatureList.selector
        );
        send("", WrongSignatureList.selector);
        send(hex"00", WrongSignatureList.selector);
    }

    function test_any_changed_bit_of_a_signature_is_refused(uint256 bit) public {
        bytes memory sigs = signedBy(ValidatorsLib.first(fewest(10)));
        bit %= sigs.length * 8;
        sigs[bit / 8] ^= bytes1(uint8(1 << (bit % 8)));
        (bool success,) = address(bridge).call(encode(stored.pack(), sigs));
        vm.assertTrue(!success, "refused");
    }

    function test_any_changed_field_is_refused() public {
        bytes[] memory calls = changed(stored.pack(), signedBy(ValidatorsLib.first(10)));
        for (uint256 i = 0; i < calls.length; ++i) {
            uint256 state = vm.snapshotState();
            (bool success, bytes memory reason) = address(bridge).call(calls[i]);
            vm.assertTrue(!success, "refused");
            vm.assertEq(bytes32(bytes4(reason)), bytes32(WrongSigner.selector), "the signature is for something else");
            vm.revertToState(state);
        }
    }

    /// @dev One shape of fields under another type: what was signed as this call is nothing else.
    function test_a_relabelled_statement_is_refused() public {
        bytes32 other = keccak256(abi.encode(keccak256("Relabelled(uint64 nonce)"), uint64(1)));
        bytes32[6] memory hashes = [
            Hashes.unpause(1, 1),
            Hashes.setGuardian(1, alice),
            Hashes.moveBridge(1, alice),
            Hashes.pause(1),
            Hashes.pause(2),
            other
        ];
        for (uint256 i = 0; i < hashes.length; ++i) {
            if (hashes[i] == structHash()) continue;
            send(stored.sign(digest(hashes[i]), ValidatorsLib.first(10)), WrongSigner.selector);
        }
    }

    function test_a_replay_is_refused() public {
        bytes memory sigs = signedBy(ValidatorsLib.first(10));
        bytes memory data = encode(stored.pack(), sigs);
        sendEncoded(data, NONE);
        sendEncoded(data, whenReplayed());
    }

    function test_signatures_for_another_chain_id_are_refused() public {
        bytes32 domain = Hashes.domain(BASE + 1, address(bridge), SALT);
        send(stored.sign(Hashes.digest(domain, structHash()), ValidatorsLib.first(10)), WrongSigner.selector);
    }

    function test_signatures_for_another_bridge_are_refused() public {
        bytes32 domain = Hashes.domain(BASE, address(this), SALT);
        send(stored.sign(Hashes.digest(domain, structHash()), ValidatorsLib.first(10)), WrongSigner.selector);
        domain = Hashes.domain(BASE, address(bridge), keccak256("another chain of ours"));
        send(stored.sign(Hashes.digest(domain, structHash()), ValidatorsLib.first(10)), WrongSigner.selector);
    }

    function test_after_a_split_nothing_is_accepted_under_another_chain_id() public {
        bytes memory sigs = signedBy(ValidatorsLib.first(10));
        bytes32 domain = Hashes.domain(BASE + 1, address(bridge), SALT);
        bytes memory other = stored.sign(Hashes.digest(domain, structHash()), ValidatorsLib.first(10));
        vm.chainId(BASE + 1);
        send(sigs, WrongChain.selector);
        send(other, WrongChain.selector);
    }

    function test_while_the_stored_set_is_stale() public virtual {
        vm.warp(bridge.setCreatedAt() + MAX_SET_AGE);
        uint256 state = vm.snapshotState();
        send(signedBy(ValidatorsLib.first(10)), NONE);
        vm.revertToState(state);
        vm.warp(block.timestamp + 1);
        send(signedBy(ValidatorsLib.first(10)), whenStale());
    }

    function test_while_the_bridge_is_fresh() public {
        deployFresh("diem-2");
        send(signedBy(ValidatorsLib.first(4)), whenFresh());
    }

    function test_while_the_bridge_is_paused() public virtual {
        pause(pauseNonce() + 1);
        send(signedBy(ValidatorsLib.first(10)), whenPaused());
    }

    function signedBy(uint256 who) internal view returns (bytes memory) {
        return stored.sign(digest(structHash()), who);
    }

    function send(bytes memory sigs, bytes4 expected) internal {
        sendEncoded(encode(stored.pack(), sigs), expected);
    }

    function sendEncoded(bytes memory data, bytes4 expected) internal {
        (bool success, bytes memory reason) = address(bridge).call(data);
        vm.assertEq(bytes32(success ? NONE : bytes4(reason)), bytes32(expected), "the error");
    }
}

contract SubmitBatchTest is SignedCall {
    bytes internal transfers = abi.encodePacked(address(0xa1), uint128(3 ether), address(0xa2), uint128(5 ether));

    function structHash() internal view override returns (bytes32) {
        return Hashes.batch(1, NOW + 30 days, 1 ether, transfers);
    }

    function encode(bytes memory set, bytes memory sigs) internal view override returns (bytes memory) {
        return call(set, sigs, 1, NOW + 30 days, 1 ether, transfers);
    }

    function changed(bytes memory set, bytes memory sigs) internal view override returns (bytes[] memory calls) {
        calls = new bytes[](4 + transfers.length);
        calls[0] = call(set, sigs, 2, NOW + 30 days, 1 ether, transfers);
        calls[1] = call(set, sigs, 1, NOW + 30 days + 1, 1 ether, transfers);
        calls[2] = call(set, sigs, 1, NOW + 30 days, 1 ether + 1, transfers);
        calls[3] = call(set, sigs, 1, NOW + 30 days, 1 ether, bytes.concat(transfers, transfers));
        for (uint256 i = 0; i < transfers.length; ++i) {
            bytes memory other = bytes.concat(transfers);
            other[i] ^= 0x01;
            calls[4 + i] = call(set, sigs, 1, NOW + 30 days, 1 ether, other);
        }
    }

    function whenReplayed() internal pure override returns (bytes4) {
        return NonceUsed.selector;
    }

    function whenPaused() internal pure override returns (bytes4) {
        return Paused.selector;
    }

    function call(bytes memory set, bytes memory sigs, uint64 nonce, uint64 deadline, uint128 fee, bytes memory items)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeCall(bridge.submitBatch, (set, sigs, nonce, deadline, fee, items));
    }
}

contract UpdateSetTest is SignedCall {
    using ValidatorsLib for Validators;

    bytes internal next = ValidatorsLib.equal("next", 10).pack();

    function structHash() internal view override returns (bytes32) {
        return Hashes.valset(5, createdAt(), Hashes.setHash(SALT, 5, createdAt(), next));
    }

    function encode(bytes memory set, bytes memory sigs) internal view override returns (bytes memory) {
        return abi.encodeCall(bridge.updateSet, (set, sigs, 5, createdAt(), next));
    }

    function changed(bytes memory set, bytes memory sigs) internal view override returns (bytes[] memory calls) {
        calls = new bytes[](3);
        calls[0] = abi.encodeCall(bridge.updateSet, (set, sigs, 6, createdAt(), next));
        calls[1] = abi.encodeCall(bridge.updateSet, (set, sigs, 5, createdAt() + 1, next));
        calls[2] = abi.encodeCall(bridge.updateSet, (set, sigs, 5, createdAt(), ValidatorsLib.equal("x", 10).pack()));
    }

    function whenReplayed() internal pure override returns (bytes4) {
        return SetNotNewer.selector;
    }

    /// @dev It is proposed, as the tests of stale sets show.
    function whenStale() internal pure override returns (bytes4) {
        return NONE;
    }

    function whenFresh() internal pure override returns (bytes4) {
        return NONE;
    }

    function createdAt() private view returns (uint64) {
        return uint64(block.timestamp) + 1;
    }
}

contract UnpauseTest is SignedCall {
    function setUp() public override {
        super.setUp();
        pause(1);
    }

    function structHash() internal view override returns (bytes32) {
        return Hashes.unpause(1, pauseNonce());
    }

    function encode(bytes memory set, bytes memory sigs) internal view override returns (bytes memory) {
        return abi.encodeCall(bridge.unpause, (set, sigs, 1, pauseNonce()));
    }

    function changed(bytes memory set, bytes memory sigs) internal view override returns (bytes[] memory calls) {
        // Another pause nonce is refused for itself, before any signature is looked at.
        calls = new bytes[](1);
        calls[0] = abi.encodeCall(bridge.unpause, (set, sigs, 2, pauseNonce()));
    }

    function whenReplayed() internal pure override returns (bytes4) {
        return WrongPauseNonce.selector;
    }
}

contract SetLimitsTest is SignedCall {
    function structHash() internal pure override returns (bytes32) {
        return Hashes.setLimits(1, 500 ether, 2_000);
    }

    function encode(bytes memory set, bytes memory sigs) internal view override returns (bytes memory) {
        return abi.encodeCall(bridge.setLimits, (set, sigs, 1, 500 ether, 2_000));
    }

    function changed(bytes memory set, bytes memory sigs) internal view override returns (bytes[] memory calls) {
        calls = new bytes[](3);
        calls[0] = abi.encodeCall(bridge.setLimits, (set, sigs, 2, 500 ether, 2_000));
        calls[1] = abi.encodeCall(bridge.setLimits, (set, sigs, 1, 500 ether + 1, 2_000));
        calls[2] = abi.encodeCall(bridge.setLimits, (set, sigs, 1, 500 ether, 2_001));
    }
}

contract ResolveQueueTest is SignedCall {
    function setUp() public override {
        super.setUp();
        enqueue(1, alice, 2_000 ether);
        enqueue(2, alice, 2_000 ether);
    }

    function structHash() internal pure override returns (bytes32) {
        return Hashes.resolveQueue(1, 1, true);
    }

    function encode(bytes memory set, bytes memory sigs) internal view override returns (bytes memory) {
        return abi.encodeCall(bridge.resolveQueue, (set, sigs, 1, 1, true));
    }

    function changed(bytes memory set, bytes memory sigs) internal view override returns (bytes[] memory calls) {
        calls = new bytes[](3);
        calls[0] = abi.encodeCall(bridge.resolveQueue, (set, sigs, 2, 1, true));
        calls[1] = abi.encodeCall(bridge.resolveQueue, (set, sigs, 1, 2, true));
        calls[2] = abi.encodeCall(bridge.resolveQueue, (set, sigs, 1, 1, false));
    }
}

contract SetGuardianTest is SignedCall {
    function structHash() internal view override returns (bytes32) {
        return Hashes.setGuardian(1, alice);
    }

    function encode(bytes memory set, bytes memory sigs) internal view override returns (bytes memory) {
        return abi.encodeCall(bridge.setGuardian, (set, sigs, 1, alice));
    }

    function changed(bytes memory set, bytes memory sigs) internal view override returns (bytes[] memory calls) {
        calls = new bytes[](2);
        calls[0] = abi.encodeCall(bridge.setGuardian, (set, sigs, 2, alice));
        calls[1] = abi.encodeCall(bridge.setGuardian, (set, sigs, 1, bob));
    }
}

contract MoveBridgeTest is SignedCall {
    function structHash() internal view override returns (bytes32) {
        return Hashes.moveBridge(1, alice);
    }

    function encode(bytes memory set, bytes memory sigs) internal view override returns (bytes memory) {
        return abi.encodeCall(bridge.moveBridge, (set, sigs, 1, alice));
    }

    function changed(bytes memory set, bytes memory sigs) internal view override returns (bytes[] memory calls) {
        calls = new bytes[](2);
        calls[0] = abi.encodeCall(bridge.moveBridge, (set, sigs, 2, alice));
        calls[1] = abi.encodeCall(bridge.moveBridge, (set, sigs, 1, bob));
    }

    /// @dev More than three quarters: eight of ten, and of four all.
    function fewest(uint256 count) internal pure override returns (uint256) {
        return count * 3 / 4 + 1;
    }

    function test_three_of_four_equal_powers_are_refused() public {
        install(ValidatorsLib.equal("four", 4));
        send(signedBy(7), NotEnoughPower.selector);
        send(signedBy(15), NONE);
    }
}

contract PauseByValidatorsTest is SignedCall {
    function structHash() internal view override returns (bytes32) {
        return Hashes.pause(pauseNonce() + 1);
    }

    function encode(bytes memory set, bytes memory sigs) internal view override returns (bytes memory) {
        return abi.encodeCall(bridge.pauseByValidators, (set, sigs, pauseNonce() + 1));
    }

    function changed(bytes memory set, bytes memory sigs) internal view override returns (bytes[] memory calls) {
        calls = new bytes[](1);
        calls[0] = abi.encodeCall(bridge.pauseByValidators, (set, sigs, pauseNonce() + 2));
    }

    /// @dev At least a third: four of ten, and of three one.
    function fewest(uint256 count) internal pure override returns (uint256) {
        return (count + 2) / 3;
    }

    /// @dev One of three equal powers is a third, which is enough here.
    function test_two_of_three_equal_powers_are_refused() public override {
        install(ValidatorsLib.equal("three", 3));
        send(signedBy(0), NotEnoughPower.selector);
        send(signedBy(1), NONE);
    }

    function whenReplayed() internal pure override returns (bytes4) {
        return WrongPauseNonce.selector;
    }

    function whenStale() internal pure override returns (bytes4) {
        return NONE;
    }

    function whenFresh() internal pure override returns (bytes4) {
        return NONE;
    }
}
