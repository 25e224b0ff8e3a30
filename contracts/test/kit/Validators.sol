// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {vm} from "./Vm.sol";

/// @dev A validator set with its keys, in the order of the addresses.
struct Validators {
    uint256[] keys;
    uint64[] powers;
}

library ValidatorsLib {
    uint64 internal constant POWER = 1_000_000;

    /// @dev `count` validators of equal power. Another label gives other keys.
    function equal(string memory label, uint256 count) internal pure returns (Validators memory set) {
        set = Validators(new uint256[](count), new uint64[](count));
        for (uint256 i = 0; i < count; ++i) {
            uint256 key = uint256(keccak256(abi.encode(label, i))) >> 1;
            uint256 place = i;
            for (; place > 0 && vm.addr(set.keys[place - 1]) > vm.addr(key); --place) {
                set.keys[place] = set.keys[place - 1];
            }
            set.keys[place] = key;
            set.powers[i] = POWER;
        }
    }

    function pack(Validators memory set) internal pure returns (bytes memory packed) {
        uint64 total;
        for (uint256 i = 0; i < set.keys.length; ++i) {
            total += set.powers[i];
            packed = bytes.concat(packed, abi.encodePacked(vm.addr(set.keys[i]), set.powers[i]));
        }
        packed = bytes.concat(abi.encodePacked(total), packed);
    }

    /// @dev The list of signatures of those whose bit is set in `who`; bit i is member i.
    function sign(Validators memory set, bytes32 digest, uint256 who) internal pure returns (bytes memory) {
        bytes memory bitmap = new bytes((set.keys.length + 7) / 8);
        bytes memory sigs;
        for (uint256 i = 0; i < set.keys.length; ++i) {
            if (who & (1 << i) == 0) continue;
            bitmap[i / 8] |= bytes1(uint8(1 << (i % 8)));
            sigs = bytes.concat(sigs, signature(set.keys[i], digest));
        }
        return bytes.concat(bitmap, sigs);
    }

    function signature(uint256 key, bytes32 digest) internal pure returns (bytes memory) {
        (bytes32 r, bytes32 vs) = vm.signCompact(key, digest);
        return abi.encodePacked(r, vs);
    }

    /// @dev The first `count` members.
    function first(uint256 count) internal pure returns (uint256) {
        return (1 << count) - 1;
    }

    /// @dev The fewest of `count` equal powers that are more than two thirds.
    function quorum(uint256 count) internal pure returns (uint256) {
        return count * 2 / 3 + 1;
    }
}
