// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import "../src/bridge/Errors.sol";
import {IDiemBridge} from "./kit/IDiemBridge.sol";
import {BridgeTest} from "./kit/BridgeTest.sol";
import {vm} from "./kit/Vm.sol";

contract Wallet {
    function burn(IDiemBridge bridge, uint128 amount, address recipient) external {
        bridge.burn(amount, recipient);
    }
}

contract BurnsTest is BridgeTest {
    function setUp() public override {
        super.setUp();
        submit(1, 0, bytes.concat(transfer(alice, 10 ether), transfer(address(this), 10 ether)));
    }

    function test_a_burn_takes_the_callers_own_balance() public {
        vm.prank(alice);
        bridge.burn(4 ether, bob);
        vm.assertEq(token.balanceOf(alice), 6 ether, "balance");
        vm.assertEq(token.totalSupply(), 16 ether, "supply");
    }

    function test_a_burn_takes_no_more_than_there_is_and_no_allowance() public {
        token.approve(alice, 10 ether);
        token.approve(address(bridge), 10 ether);
        vm.prank(alice);
        vm.expectPartialRevert(bytes4(keccak256("ERC20InsufficientBalance(address,uint256,uint256)")));
        bridge.burn(10 ether + 1, bob);
    }

    function test_a_burn_is_at_least_a_hundredth() public {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(BurnTooSmall.selector));
        bridge.burn(0.01 ether - 1, bob);
        vm.prank(alice);
        bridge.burn(0.01 ether, bob);
    }

    function test_a_recipient_of_zero_is_refused() public {
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(Zero.selector));
        bridge.burn(1 ether, address(0));
    }

    function test_an_account_with_a_key_may_burn_to_itself() public {
        vm.prank(alice);
        bridge.burn(1 ether, alice);
    }

    function test_a_contract_wallet_may_not_burn_to_itself_but_to_others() public {
        Wallet wallet = new Wallet();
        token.transfer(address(wallet), 5 ether);
        vm.expectRevert(abi.encodeWithSelector(RecipientHasNoKey.selector));
        wallet.burn(bridge, 1 ether, address(wallet));
        wallet.burn(bridge, 1 ether, alice);
        vm.assertEq(token.balanceOf(address(wallet)), 4 ether, "burned once");
    }

    function test_a_delegated_account_has_a_key_and_other_code_has_none() public {
        vm.etch(alice, bytes.concat(hex"ef0100", bytes20(address(this))));
        vm.prank(alice);
        bridge.burn(1 ether, alice);
        // Code of the same length, and code with the same three bytes further on.
        bytes[2] memory others =
            [bytes.concat(hex"600100", bytes20(address(this))), bytes.concat(hex"60ef0100", bytes20(0))];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.etch(alice, others[i]);
            vm.prank(alice);
            vm.expectRevert(abi.encodeWithSelector(RecipientHasNoKey.selector));
            bridge.burn(1 ether, alice);
        }
    }

    function test_a_burn_works_while_paused_and_stale_and_closed() public {
        pause(1);
        vm.prank(guardian);
        bridge.pauseByGuardian();
        vm.prank(guardian);
        bridge.lowerLimits(0, 1);
        makeStale();
        vm.prank(alice);
        bridge.burn(10 ether, bob);
        vm.assertEq(token.balanceOf(alice), 0, "burned");
    }

    function test_a_burn_is_never_limited() public {
        for (uint64 i = 2; i < 80; ++i) {
            submit(i, 0, transfer(alice, 1_000 ether));
            vm.warp(block.timestamp + 1 hours);
        }
        uint256 balance = token.balanceOf(alice);
        vm.assertTrue(balance > CAPACITY, "more than a day's limit");
        vm.prank(alice);
        bridge.burn(uint128(balance), bob);
    }

    function test_a_burn_on_the_wrong_side_of_a_split_is_refused() public {
        vm.chainId(BASE + 1);
        vm.prank(alice);
        vm.expectRevert(abi.encodeWithSelector(WrongChain.selector, BASE + 1));
        bridge.burn(1 ether, alice);
    }
}
