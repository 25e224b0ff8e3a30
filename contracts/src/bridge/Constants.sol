// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

// All times are in seconds of `block.timestamp`; nothing here counts blocks.

/// @dev No more nDIEM than this ever exists, in units of 10^-18 DIEM.
uint256 constant SUPPLY_CAP = 1_000_000 ether;

/// @dev A smaller burn costs the DIEM chain more than it is worth.
uint128 constant MIN_BURN = 0.01 ether;

/// @dev Bounds the gas of a batch: all items in the queue, with 150 validators, stay far under 16,777,216.
uint256 constant MAX_TRANSFERS = 100;
uint256 constant MAX_VALIDATORS = 150;

/// @dev The index under which the queue knows the fee of a batch.
uint16 constant FEE_INDEX = type(uint16).max;

/// @dev The share that stands for the whole capacity.
uint16 constant WHOLE_BPS = 10_000;

uint64 constant QUEUE_DELAY = 1 days;
uint64 constant VETO_FREEZE = 14 days;
uint64 constant LIMITS_DELAY = 2 days;
uint64 constant MOVE_DELAY = 7 days;
uint64 constant GUARDIAN_PAUSE = 72 hours;
uint64 constant GUARDIAN_COOLDOWN = 7 days;

/// @dev A set made by a clock that is further ahead than this is refused.
uint64 constant MAX_CLOCK_LEAD = 1 days;

/// @dev Signatures collected for a pause stay good while this many pauses and all-clears pass unseen.
uint64 constant PAUSE_NONCE_LEAD = 4;

/// @dev `pausedUntil` of a pause that only Unpause ends.
uint64 constant UNTIL_UNPAUSE = type(uint64).max;

uint8 constant FRESH = 0;
uint8 constant ACTIVE = 1;
