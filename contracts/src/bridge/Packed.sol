// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Fields of packed calldata
/// @dev Integers are big-endian without padding. No function looks at the length: the caller has checked it, once for
/// the whole list. Slices of calldata would check it for each field, which costs a batch 350 gas a transfer.
library Packed {
    function addressAt(bytes calldata data, uint256 offset) internal pure returns (address) {
        return address(bytes20(wordAt(data, offset)));
    }

    function uint64At(bytes calldata data, uint256 offset) internal pure returns (uint64) {
        return uint64(bytes8(wordAt(data, offset)));
    }

    function uint128At(bytes calldata data, uint256 offset) internal pure returns (uint128) {
        return uint128(bytes16(wordAt(data, offset)));
    }

    /// @dev The 32 bytes from `offset` on; those beyond the end of `data` are whatever follows in calldata.
    function wordAt(bytes calldata data, uint256 offset) internal pure returns (bytes32 word) {
        // Solidity has no read of calldata without a check of bounds.
        assembly ("memory-safe") {
            word := calldataload(add(data.offset, offset))
        }
    }
}
