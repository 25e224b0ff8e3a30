// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../src/bridge/Errors.sol";
import {IDiemBridge} from "./kit/IDiemBridge.sol";
import {BridgeTest} from "./kit/BridgeTest.sol";
import {Hashes} from "./kit/Hashes.sol";
import {Validators, ValidatorsLib} from "./kit/Validators.sol";
import {vm} from "./kit/Vm.sol";

contract ConstructionTest is BridgeTest {
    using ValidatorsLib for Validators;

    function setUp() public override {
        vm.chainId(BASE);
        vm.warp(NOW);
        deployFresh("diem-1");
    }

    function test_the_address_commits_to_code_and_arguments_and_the_token_to_the_bridge() public view {
        bytes32 hash = keccak256(abi.encodePacked(hex"ff", FACTORY, SALT, keccak256(initCode("diem-1"))));
        vm.assertEq(address(bridge), address(uint160(uint256(hash))), "bridge");
        hash = keccak256(abi.encodePacked(hex"d694", address(bridge), hex"01"));
        vm.assertEq(address(token), address(uint160(uint256(hash))), "token");
        vm.assertEq(token.bridge(), address(bridge), "the token obeys the bridge");
    }

    function test_whoever_deploys_it_and_whenever_it_is_the_same_bridge() public {
        bytes memory code = initCode("diem-2");
        address[2] memory deployed;
        bytes32[2] memory codes;
        bytes32[2] memory slots;
        for (uint256 i = 0; i < 2; ++i) {
            uint256 state = vm.snapshotState();
            vm.warp(NOW + i * 1 days);
            vm.prank(i == 0 ? alice : bob, i == 0 ? bob : relayer);
            deployed[i] = create2(code);
            codes[i] = deployed[i].codehash;
            for (uint256 slot = 0; slot < 20; ++slot) {
                slots[i] = keccak256(abi.encode(slots[i], vm.load(deployed[i], bytes32(slot))));
            }
            vm.revertToState(state);
        }
        vm.assertTrue(deployed[0] != address(bridge), "other arguments give another address");
        vm.assertEq(deployed[0], deployed[1], "address");
        vm.assertEq(codes[0], codes[1], "code");
        vm.assertEq(slots[0], slots[1], "storage");
    }

    function test_genuine_code_over_planted_storage_has_another_address() public {
        // Init code that gives itself a stored set, the state of an active bridge, and the genuine code.
        bytes memory genuine = address(bridge).code;
        bytes32 slot0 = bytes32(uint256(1) << 192 | uint256(type(uint64).max >> 1) << 128);
        bytes memory planted = bytes.concat(
            abi.encodePacked(hex"7f", slot0, hex"5f55"), // sstore(0, slot0)
            abi.encodePacked(hex"7f", keccak256("a set of thieves"), hex"600255"), // sstore(2, set hash)
            abi.encodePacked(hex"61", uint16(genuine.length), hex"806100525f395ff3"), // return the rest of the init code
            genuine
        );
        address fake = create2(planted);
        vm.assertEq(fake.codehash, address(bridge).codehash, "a code hash proves the code");
        vm.assertEq(IDiemBridge(fake).setHash(), keccak256("a set of thieves"), "and no storage");
        vm.assertEq(IDiemBridge(fake).status(), 1, "it even says that it is active");
        vm.assertTrue(fake != address(bridge), "the address proves both");
    }

    function test_what_the_chain_proves_lies_in_its_slots() public {
        vm.assertEq(vm.load(address(bridge), 0), bytes32(uint256(SET_0_AT) << 128), "slot 0 of a fresh bridge");
        vm.assertEq(vm.load(address(bridge), bytes32(uint256(1))), bridge.domainSeparator(), "slot 1 begins with r0");
        vm.assertEq(vm.load(address(bridge), bytes32(uint256(2))), bridge.setHash(), "slot 2");
        vm.assertEq(vm.load(address(token), bytes32(uint256(2))), bytes32(0), "no supply");

        install(ValidatorsLib.equal("set 1", 10));
        submit(1, 1 ether, transfer(alice, 20 ether));
        uint256 slot0 = uint256(2) | uint256(1) << 64 | uint256(bridge.setCreatedAt()) << 128 | uint256(1) << 192;
        vm.assertEq(vm.load(address(bridge), 0), bytes32(slot0), "slot 0: events, set nonce, set time, status");
        vm.assertEq(vm.load(address(bridge), bytes32(uint256(1))), bridge.rollingHash(), "slot 1: rolling hash");
        vm.assertEq(vm.load(address(bridge), bytes32(uint256(2))), bridge.setHash(), "slot 2: set hash");
        vm.assertEq(vm.load(address(token), bytes32(uint256(2))), bytes32(uint256(21 ether)), "slot 2: supply");
    }

    function test_views_say_what_was_given() public view {
        vm.assertEq(bridge.salt(), SALT, "salt");
        vm.assertEq(bridge.maxSetAge(), MAX_SET_AGE, "max set age");
        vm.assertEq(bridge.setNonce(), 0, "set nonce");
        vm.assertEq(bridge.setCreatedAt(), SET_0_AT, "set time");
        vm.assertEq(bridge.setHash(), Hashes.setHash(SALT, 0, SET_0_AT, stored.pack()), "set hash");
        vm.assertEq(bridge.guardian(), guardian, "guardian");
        vm.assertEq(bridge.status(), 0, "fresh");
        vm.assertEq(bridge.eventNonce(), 0, "no event yet");
        vm.assertEq(bridge.adminNonce(), 0, "no action yet");
        vm.assertEq(pauseNonce(), 0, "pause nonce");
        (uint128 capacity, uint16 shareBps, uint128 room_, uint128 queued_,,,) = bridge.limits();
        vm.assertEq(capacity, CAPACITY, "capacity");
        vm.assertEq(shareBps, SHARE_BPS, "share");
        vm.assertEq(room_, CAPACITY, "room");
        vm.assertEq(queued_, 0, "queue");
        vm.assertEq(token.nativeChainId(), "diem-1", "chain id");
        vm.assertEq(token.nativeDenom(), "adiem", "denom");
    }

    function test_the_domain_has_all_five_fields() public view {
        (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt,
            uint256[] memory extensions
        ) = bridge.eip712Domain();
        vm.assertEq(uint8(fields), 0x1f, "fields");
        vm.assertEq(name, "DIEM Bridge", "name");
        vm.assertEq(version, "1", "version");
        vm.assertEq(chainId, BASE, "chain id");
        vm.assertEq(verifyingContract, address(bridge), "contract");
        vm.assertEq(salt, SALT, "salt");
        vm.assertEq(extensions.length, 0, "extensions");
        vm.assertEq(bridge.domainSeparator(), Hashes.domain(BASE, address(bridge), SALT), "separator");
    }

    function test_a_fresh_bridge_accepts_nothing_but_its_first_set() public {
        bytes memory transfers = transfer(alice, 1 ether);
        bytes memory sigs = sign(Hashes.batch(1, NOW + 1 days, 0, transfers));
        bytes memory set = stored.pack();
        vm.expectRevert(abi.encodeWithSelector(Fresh.selector));
        bridge.submitBatch(set, sigs, 1, NOW + 1 days, 0, transfers);
        // Neither a root of zero nor a set of zero passes.
        vm.expectRevert(abi.encodeWithSelector(Fresh.selector));
        bridge.submitBatch("", "", 0, NOW + 1 days, 0, "");
        vm.expectRevert(abi.encodeWithSelector(WrongSet.selector));
        bridge.updateSet("", "", 1, NOW, set);
        vm.expectRevert(abi.encodeWithSelector(Fresh.selector));
        bridge.release(1);
        vm.expectRevert(abi.encodeWithSelector(Fresh.selector));
        bridge.burn(1 ether, alice);
        vm.expectRevert(abi.encodeWithSelector(NoProposal.selector));
        bridge.installProposed();
        vm.assertEq(token.totalSupply(), 0, "nothing minted");

        install(ValidatorsLib.equal("set 1", 10));
        vm.assertEq(bridge.status(), 1, "active");
    }

    function test_a_fresh_bridge_can_be_paused_and_lowered() public {
        pause(1);
        vm.prank(guardian);
        bridge.pauseByGuardian();
        vm.prank(guardian);
        bridge.lowerLimits(1 ether, 1);
        vm.assertEq(pauseNonce(), 2, "paused twice");
    }

    function test_a_malformed_first_set_can_sign_nothing() public {
        // The constructor knows a hash only, here of a set with one member twice.
        Validators memory twice = ValidatorsLib.equal("twice", 1);
        bytes memory member = abi.encodePacked(vm.addr(twice.keys[0]), uint64(1));
        bytes memory set = bytes.concat(abi.encodePacked(uint64(2)), member, member);
        bytes32 hash = Hashes.setHash(SALT, 0, SET_0_AT, set);
        bridge = IDiemBridge(
            create2(withArguments(SALT, hash, SET_0_AT, MAX_SET_AGE, CAPACITY, SHARE_BPS, guardian, "d", "a"))
        );
        bytes memory signature = ValidatorsLib.signature(twice.keys[0], digest(Hashes.pause(1)));
        vm.expectRevert(abi.encodeWithSelector(MalformedSet.selector));
        bridge.pauseByValidators(set, bytes.concat(hex"03", signature, signature), 1);
    }

    function test_zeroes_are_refused() public {
        bytes32 hash = keccak256("set");
        assertRefused(withArguments(0, hash, NOW, MAX_SET_AGE, CAPACITY, SHARE_BPS, guardian, "d", "a"));
        assertRefused(withArguments(SALT, 0, NOW, MAX_SET_AGE, CAPACITY, SHARE_BPS, guardian, "d", "a"));
        assertRefused(withArguments(SALT, hash, 0, MAX_SET_AGE, CAPACITY, SHARE_BPS, guardian, "d", "a"));
        assertRefused(withArguments(SALT, hash, NOW, 0, CAPACITY, SHARE_BPS, guardian, "d", "a"));
        assertRefused(withArguments(SALT, hash, NOW, MAX_SET_AGE, 0, SHARE_BPS, guardian, "d", "a"));
        assertRefused(withArguments(SALT, hash, NOW, MAX_SET_AGE, CAPACITY, 0, guardian, "d", "a"));
        assertRefused(withArguments(SALT, hash, NOW, MAX_SET_AGE, CAPACITY, 10_001, guardian, "d", "a"));
        assertRefused(withArguments(SALT, hash, NOW, MAX_SET_AGE, CAPACITY, SHARE_BPS, address(0), "d", "a"));
        assertRefused(withArguments(SALT, hash, NOW, MAX_SET_AGE, CAPACITY, SHARE_BPS, guardian, "", "a"));
        assertRefused(withArguments(SALT, hash, NOW, MAX_SET_AGE, CAPACITY, SHARE_BPS, guardian, "d", ""));
        create2(withArguments(SALT, hash, NOW, MAX_SET_AGE, CAPACITY, SHARE_BPS, guardian, "d", "a"));
    }

    function test_code_and_init_code_are_below_the_limits_of_the_chain() public view {
        vm.assertLt(address(bridge).code.length, 24_576, "code");
        vm.assertLt(address(token).code.length, 24_576, "code of the token");
        vm.assertLt(initCode("a chain id of fifty characters, which is the most!").length, 49_152, "init code");
    }

    function test_the_bridge_takes_no_eth() public {
        (bool success,) = address(bridge).call{value: 1}("");
        vm.assertTrue(!success, "refused");
    }

    function assertRefused(bytes memory code) private {
        (bool success,) = FACTORY.call(bytes.concat(SALT, code));
        vm.assertTrue(!success, "refused");
    }

    function withArguments(
        bytes32 salt,
        bytes32 hash,
        uint64 createdAt,
        uint64 maxSetAge,
        uint128 capacity,
        uint16 shareBps,
        address guardian_,
        string memory chainId,
        string memory denom
    ) private view returns (bytes memory) {
        return bytes.concat(
            vm.getCode("out/DiemBridge.sol/DiemBridge.json"),
            abi.encode(salt, hash, createdAt, maxSetAge, capacity, shareBps, guardian_, chainId, denom)
        );
    }
}
