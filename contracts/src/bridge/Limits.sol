// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {LIMITS_DELAY, WHOLE_BPS} from "./Constants.sol";
import {WrongShare} from "./Errors.sol";

/// @dev How much may be minted: a bucket that mints fill, and time and burns drain. Three slots.
struct Limits {
    /// What the bucket holds, and what drains from it in a day; 0 means that nothing is minted.
    uint128 capacity;
    /// A single mint above this share of the capacity waits, in hundredths of a percent.
    uint16 shareBps;
    /// The second from which the next two count; 0 if no change waits.
    uint64 nextFrom;
    uint128 nextCapacity;
    uint16 nextShareBps;
    /// What was in the bucket at `levelAt`.
    uint128 level;
    uint64 levelAt;
}

/// @title The mint bucket
/// @dev A change that waits needs no call to take effect: every reader asks `current`.
library LimitsLib {
    /// @notice The limits of this second and what the bucket holds now.
    function current(Limits storage self) internal view returns (uint128 capacity, uint16 shareBps, uint128 level) {
        (capacity, shareBps, level) = (self.capacity, self.shareBps, self.level);
        uint64 since = self.levelAt;
        if (changed(self)) {
            uint64 from = self.nextFrom;
            if (since < from) {
                level = drained(level, capacity, from - since);
                since = from;
            }
            (capacity, shareBps) = (self.nextCapacity, self.nextShareBps);
        }
        level = drained(level, capacity, block.timestamp - since);
    }

    /// @notice The change that waits; zeroes if there is none.
    function next(Limits storage self) internal view returns (uint128 capacity, uint16 shareBps, uint64 from) {
        if (!changed(self)) (capacity, shareBps, from) = (self.nextCapacity, self.nextShareBps, self.nextFrom);
    }

    function setLevel(Limits storage self, uint128 level) internal {
        (self.level, self.levelAt) = (level, uint64(block.timestamp));
    }

    /// @notice Sets both limits and drops a change that waits. If one of them rises, both count two days later.
    /// @return from The second from which they count.
    function set(Limits storage self, uint128 capacity, uint16 shareBps) internal returns (uint64 from) {
        require(shareBps != 0 && shareBps <= WHOLE_BPS, WrongShare());
        (uint128 capacityNow, uint16 shareBpsNow, uint128 level) = current(self);
        setLevel(self, level);
        from = uint64(block.timestamp);
        if (capacity > capacityNow || shareBps > shareBpsNow) {
            from += LIMITS_DELAY;
            (self.capacity, self.shareBps, self.nextFrom) = (capacityNow, shareBpsNow, from);
            (self.nextCapacity, self.nextShareBps) = (capacity, shareBps);
        } else {
            (self.capacity, self.shareBps, self.nextFrom) = (capacity, shareBps, 0);
            (self.nextCapacity, self.nextShareBps) = (0, 0);
        }
    }

    function changed(Limits storage self) private view returns (bool) {
        uint64 from = self.nextFrom;
        return from != 0 && from <= block.timestamp;
    }

    /// @dev Rounds what drains down, so that the bucket never empties too early.
    function drained(uint128 level, uint128 capacity, uint256 elapsed) private pure returns (uint128) {
        return uint128(Math.saturatingSub(level, uint256(capacity) * elapsed / 1 days));
    }
}
