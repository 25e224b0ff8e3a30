// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../src/bridge/Errors.sol";
import {BridgeTest} from "./kit/BridgeTest.sol";
import {vm} from "./kit/Vm.sol";

interface ITokenMetadata {
    function name() external view returns (string memory);
    function symbol() external view returns (string memory);
    function decimals() external view returns (uint8);
    function cap() external view returns (uint256);
    function DOMAIN_SEPARATOR() external view returns (bytes32);
}

contract TokenTest is BridgeTest {
    function test_it_says_what_it_is() public view {
        ITokenMetadata metadata = ITokenMetadata(address(token));
        vm.assertEq(metadata.name(), "DIEM (native)", "name");
        vm.assertEq(metadata.symbol(), "nDIEM", "symbol");
        vm.assertEq(metadata.decimals(), 18, "decimals");
        vm.assertEq(metadata.cap(), CAP, "cap");
        vm.assertTrue(token.supportsInterface(0x33331994), "ERC-7802");
        vm.assertTrue(token.supportsInterface(0x01ffc9a7), "ERC-165");
    }

    function test_only_the_bridge_mints_burns_and_moves() public {
        submit(1, 0, transfer(alice, 1 ether));
        bytes[4] memory calls = [
            abi.encodeCall(token.crosschainMint, (alice, 1)),
            abi.encodeCall(token.crosschainBurn, (alice, 1)),
            abi.encodeCall(token.announceMove, (alice)),
            abi.encodeCall(token.cancelMove, ())
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(alice);
            (bool success, bytes memory reason) = address(token).call(calls[i]);
            vm.assertTrue(!success, "refused");
            vm.assertEq(reason, abi.encodeWithSignature("NotBridge(address)", alice), "reason");
        }
    }

    function test_no_bridge_mints_above_the_cap() public {
        vm.prank(address(bridge));
        token.crosschainMint(alice, CAP);
        vm.prank(address(bridge));
        vm.expectPartialRevert(bytes4(keccak256("ERC20ExceededCap(uint256,uint256)")));
        token.crosschainMint(alice, 1);
    }

    function test_a_permit_allows_what_its_owner_signed() public {
        uint256 key = uint256(keccak256("owner"));
        address owner = vm.addr(key);
        submit(1, 0, transfer(owner, 3 ether));
        bytes32 permit = keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 hash = keccak256(abi.encode(permit, owner, alice, 2 ether, 0, NOW + 1 days));
        bytes32 domain = ITokenMetadata(address(token)).DOMAIN_SEPARATOR();
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, keccak256(abi.encodePacked(hex"1901", domain, hash)));
        token.permit(owner, alice, 2 ether, NOW + 1 days, v, r, s);
        vm.prank(alice);
        token.transferFrom(owner, bob, 2 ether);
        vm.assertEq(token.balanceOf(bob), 2 ether, "moved");
    }

    // The move to another bridge; `alice` plays the next one.

    function test_the_token_obeys_the_next_bridge_after_seven_days_and_it_alone() public {
        submit(1, 0, transfer(bob, 5 ether));
        moveBridge(1, alice);
        uint64 from = uint64(block.timestamp) + 7 days;
        assertNext(alice, from);
        vm.warp(from - 1);
        vm.assertEq(token.bridge(), address(bridge), "not yet");
        vm.warp(from);
        vm.assertEq(token.bridge(), alice, "now");
        vm.prank(alice);
        token.crosschainMint(bob, 1 ether);
        vm.prank(bob);
        vm.expectRevert(abi.encodeWithSignature("NotBridge(address)", address(bridge)));
        bridge.burn(1 ether, bob);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSignature("NotBridge(address)", address(bridge)));
        bridge.vetoMove(alice);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSignature("NoMove()"));
        token.cancelMove();
        // The next bridge can move on, and until then stays the bridge.
        vm.prank(alice);
        token.announceMove(bob);
        vm.assertEq(token.bridge(), alice, "still");
        vm.warp(block.timestamp + 7 days);
        vm.assertEq(token.bridge(), bob, "moved on");
    }

    function test_a_new_announcement_starts_anew() public {
        moveBridge(1, alice);
        vm.warp(block.timestamp + 4 days);
        moveBridge(2, bob);
        assertNext(bob, uint64(block.timestamp) + 7 days);
        vm.warp(block.timestamp + 4 days);
        vm.assertEq(token.bridge(), address(bridge), "the first one was replaced");
    }

    function test_the_guardian_vetoes_a_move_until_it_takes_place() public {
        moveBridge(1, alice);
        vm.expectRevert(abi.encodeWithSelector(NotGuardian.selector));
        bridge.vetoMove(alice);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(NoSuchMove.selector));
        bridge.vetoMove(bob);
        vm.warp(block.timestamp + 7 days - 1);
        vm.prank(guardian);
        bridge.vetoMove(alice);
        assertNext(address(0), 0);
        vm.warp(block.timestamp + 1 days);
        vm.assertEq(token.bridge(), address(bridge), "stays");
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(NoSuchMove.selector));
        bridge.vetoMove(alice);
        vm.prank(guardian);
        vm.expectRevert(abi.encodeWithSelector(NoSuchMove.selector));
        bridge.vetoMove(address(0));
    }

    function test_the_guardian_vetoes_a_move_while_paused_and_stale() public {
        moveBridge(1, alice);
        pause(1);
        makeStale();
        vm.prank(guardian);
        bridge.vetoMove(alice);
        assertNext(address(0), 0);
    }

    function test_nobody_is_no_bridge() public {
        vm.prank(address(bridge));
        vm.expectRevert(abi.encodeWithSignature("NoBridge()"));
        token.announceMove(address(0));
    }

    function test_there_is_one_pair_of_assets_for_ever() public {
        address first = address(token);
        moveBridge(1, alice);
        vm.warp(block.timestamp + 30 days);
        vm.assertEq(address(bridge.token()), first, "the token of a bridge never changes");
        vm.assertEq(token.nativeDenom(), "adiem", "nor what it stands for");
    }

    function assertNext(address next, uint64 from) private view {
        (address next_, uint64 from_) = token.nextBridge();
        vm.assertEq(next_, next, "next");
        vm.assertEq(from_, from, "from");
    }
}
