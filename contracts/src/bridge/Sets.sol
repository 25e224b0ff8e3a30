// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {MAX_VALIDATORS} from "./Constants.sol";
import {MalformedSet, WrongSignatureList, WrongSigner} from "./Errors.sol";
import {Packed} from "./Packed.sol";

/// @title Validator sets and their signatures
/// @dev A set is the total power (8 bytes), then for each member the address (20) and the power (8). A list of signatures
/// is a bitmap of one bit a member, the least significant first, then 64 bytes (EIP-2098) for each set bit in order.
library Sets {
    using Packed for bytes;

    uint256 private constant HEAD = 8;
    uint256 private constant MEMBER = 28;
    uint256 private constant SIGNATURE = 64;
    /// @dev Half the order of secp256k1.
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;

    function hash(bytes32 salt, uint64 nonce, uint64 createdAt, bytes calldata set) internal pure returns (bytes32) {
        return keccak256(abi.encodePacked(salt, nonce, createdAt, set));
    }

    /// @dev Reverts unless the set has the form that `signedPower` relies on.
    function check(bytes calldata set) internal pure {
        uint256 members = count(set);
        require(members != 0 && members <= MAX_VALIDATORS && set.length == HEAD + members * MEMBER, MalformedSet());
        // 150 powers of 64 bits fit a word.
        unchecked {
            uint256 sum = 0;
            uint256 last = 0;
            for (uint256 i = 0; i < members; ++i) {
                (uint256 member, uint256 power) = memberAt(set, i);
                require(member > last && power != 0, MalformedSet());
                last = member;
                sum += power;
            }
            require(sum == set.uint64At(0), MalformedSet());
        }
    }

    /// @notice The power of those who signed `digest`, and the power of all.
    /// @dev The set must have passed `check`. Each signer is recovered, never named, and each bit counts once.
    function signedPower(bytes calldata set, bytes calldata sigs, bytes32 digest)
        internal
        pure
        returns (uint256 signed, uint256 total)
    {
        // Counts up to 150, offsets below the size of calldata, and powers whose total fits 64 bits.
        unchecked {
            uint256 members = count(set);
            uint256 next = (members + 7) / 8;
            uint256 bitmap = uint256(sigs.wordAt(0));
            for (uint256 i = 0; i < members; ++i) {
                if (!hasBit(bitmap, i)) continue;
                signed += powerOfSigner(set, sigs, digest, i, next);
                next += SIGNATURE;
            }
            // Also covers what was read beyond the end of a list that is too short.
            require(next == sigs.length, WrongSignatureList());
            for (uint256 i = members; i % 8 != 0; ++i) {
                require(!hasBit(bitmap, i), WrongSignatureList());
            }
        }
        total = set.uint64At(0);
    }

    /// @dev Bit i % 8 of byte i / 8, where the first byte of the list is the highest of the word: the shift is
    /// 8 * (31 - i / 8) + i % 8.
    function hasBit(uint256 bitmap, uint256 i) private pure returns (bool) {
        return (bitmap >> (i ^ 248)) & 1 != 0;
    }

    /// @dev Reverts unless the signature at `offset` is that of member i.
    function powerOfSigner(bytes calldata set, bytes calldata sigs, bytes32 digest, uint256 i, uint256 offset)
        private
        pure
        returns (uint256 power)
    {
        unchecked {
            uint256 member;
            (member, power) = memberAt(set, i);
            require(recover(digest, sigs.wordAt(offset), sigs.wordAt(offset + 32)) == member, WrongSigner(i));
        }
    }

    /// @dev The signer of a signature as EIP-2098 packs it, or zero, which is no member: `vs` is s with the parity of y in
    /// its highest bit. Of the two forms of a signature only the one with the low s counts.
    function recover(bytes32 digest, bytes32 r, bytes32 vs) private pure returns (uint256 signer) {
        uint256 s = uint256(vs) & (type(uint256).max >> 1);
        if (s > HALF_ORDER) return 0;
        unchecked {
            return uint256(uint160(ecrecover(digest, uint8(27 + (uint256(vs) >> 255)), r, bytes32(s))));
        }
    }

    function count(bytes calldata set) private pure returns (uint256) {
        return set.length / MEMBER;
    }

    /// @dev The address as a number, which spares the compiler's masks, and the power.
    function memberAt(bytes calldata set, uint256 i) private pure returns (uint256 member, uint256 power) {
        unchecked {
            uint256 word = uint256(set.wordAt(HEAD + i * MEMBER));
            return (word >> 96, uint64(word >> 32));
        }
    }
}
