// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDiemBridge} from "../kit/IDiemBridge.sol";
import {IDiemToken} from "../kit/IDiemToken.sol";
import {vm} from "../kit/Vm.sol";
import {Handler} from "./Handler.sol";

/// @dev What holds after any calls in any order. That nothing is minted by a fresh, paused or stale bridge, that nothing
/// acts twice and that no replay passes is held after every single call, by `Ledger` and `Handler`.
contract InvariantsTest {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Handler private handler;
    IDiemBridge private bridge;
    IDiemToken private token;

    function setUp() public {
        handler = new Handler();
        bridge = handler.theBridge();
        token = bridge.token();
    }

    function targetContracts() public view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(handler);
    }

    function targetSelectors() public view returns (FuzzSelector[] memory targets) {
        // Some more than once, so that there is something that everything else can be about.
        bytes4[23] memory calls = [
            Handler.wait.selector,
            Handler.wait.selector,
            Handler.submit.selector,
            Handler.submit.selector,
            Handler.submit.selector,
            Handler.submit.selector,
            Handler.burn.selector,
            Handler.release.selector,
            Handler.release.selector,
            Handler.release.selector,
            Handler.resolve.selector,
            Handler.veto.selector,
            Handler.rotate.selector,
            Handler.installProposed.selector,
            Handler.vetoSet.selector,
            Handler.limit.selector,
            Handler.lower.selector,
            Handler.unpause.selector,
            Handler.unpause.selector,
            Handler.pauseByGuardian.selector,
            Handler.pauseByValidators.selector,
            Handler.replay.selector,
            Handler.forge.selector
        ];
        targets = new FuzzSelector[](1);
        targets[0] = FuzzSelector(address(handler), new bytes4[](24));
        for (uint256 i = 0; i < 23; ++i) {
            targets[0].selectors[i] = calls[i];
        }
        targets[0].selectors[23] = Handler.split.selector;
    }

    /// @dev One invariant of Forge, because each one is a campaign of its own.
    function invariant_after_any_calls_in_any_order() public view {
        the_supply_is_what_was_minted_and_released_less_what_was_burned();
        the_logs_fold_to_the_rolling_hash();
        the_queue_is_the_sum_of_its_items();
        the_bitmap_knows_what_was_executed_and_nothing_else();
        net_mint_is_bounded_over_every_span();
        the_supply_stays_below_the_cap();
        the_room_is_never_more_than_what_is_free();
        a_proposal_waits_only_while_the_stored_set_is_stale();
    }

    function the_supply_is_what_was_minted_and_released_less_what_was_burned() private view {
        vm.assertEq(token.totalSupply(), handler.minted() + handler.released() - handler.burned(), "supply");
    }

    function the_logs_fold_to_the_rolling_hash() private view {
        vm.assertEq(bridge.eventNonce(), handler.eventCount(), "event nonce");
        vm.assertEq(bridge.rollingHash(), handler.folded(), "rolling hash");
    }

    function the_queue_is_the_sum_of_its_items() private view {
        uint256 sum;
        for (uint64 id = 1; id <= handler.itemCount(); ++id) {
            (, uint128 amount, uint64 readyAt,,) = bridge.queue(id);
            bool waits = handler.fate(id) == 1;
            vm.assertTrue((readyAt != 0) == waits, "an item waits until it is released or cancelled");
            vm.assertEq(amount, waits ? handler.amounts(id) : 0, "amount");
            sum += amount;
        }
        (,,, uint128 queued,,,) = bridge.limits();
        vm.assertEq(queued, sum, "sum");
        vm.assertEq(queued, handler.waiting(), "by the events");
    }

    function the_bitmap_knows_what_was_executed_and_nothing_else() private view {
        for (uint64 nonce = 0; nonce < 64; ++nonce) {
            vm.assertTrue(bridge.executed(nonce) == (handler.executions(nonce) == 1), "bitmap");
        }
    }

    /// @dev A bucket: over any span, from any mint to the last, the net flow is at most what it holds and what drained.
    function net_mint_is_bounded_over_every_span() private view {
        uint256 count = handler.flowCount();
        if (count == 0) return;
        (uint256 end, uint256 minted, uint256 burned) = handler.flows(count - 1);
        (uint256 mintedBefore, uint256 burnedBefore) = (0, 0);
        for (uint256 i = 0; i < count; ++i) {
            (uint256 start, uint256 mintedThen, uint256 burnedThen) = handler.flows(i);
            uint256 capacity = handler.greatestCapacity();
            uint256 most = capacity + capacity * (end - start) / 1 days;
            vm.assertLe(minted - mintedBefore, burned - burnedBefore + most, "net mint");
            (mintedBefore, burnedBefore) = (mintedThen, burnedThen);
        }
    }

    function the_supply_stays_below_the_cap() private view {
        vm.assertLe(token.totalSupply(), 1_000_000 ether, "cap");
    }

    function the_room_is_never_more_than_what_is_free() private view {
        (uint128 capacity,, uint128 room, uint128 queued,,,) = bridge.limits();
        vm.assertLe(room, capacity, "bucket");
        vm.assertTrue(room == 0 || token.totalSupply() + queued + room <= 1_000_000 ether, "cap");
    }

    /// @dev While a proposal waits the stored set is stale: nothing else could have been proposed.
    function a_proposal_waits_only_while_the_stored_set_is_stale() private view {
        (uint64 nonce,,, uint64 installAt) = bridge.proposed();
        if (installAt == 0) return;
        vm.assertLt(bridge.setNonce(), nonce, "newer");
        vm.assertLt(bridge.setCreatedAt() + bridge.maxSetAge(), block.timestamp, "stale");
    }
}
