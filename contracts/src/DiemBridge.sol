// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC5267} from "@openzeppelin/contracts/interfaces/IERC5267.sol";
import {Administration} from "./bridge/Administration.sol";
import {WHOLE_BPS} from "./bridge/Constants.sol";
import {Digests} from "./bridge/Digests.sol";
import {WrongShare, Zero} from "./bridge/Errors.sol";
import {State} from "./bridge/State.sol";
import {ValidatorSets} from "./bridge/ValidatorSets.sol";

/// @title The bridge between the DIEM chain and Base
/// @notice Mints nDIEM for what the DIEM chain holds in escrow, on signatures of more than two thirds of its validators'
/// power, and burns what goes back.
/// @dev Nothing here can be upgraded, holds ETH, or calls anything but the token.
contract DiemBridge is ValidatorSets, Administration, IERC5267 {
    /// @notice Makes the token too. Reads no account, so that the address, which commits to these arguments, proves the
    /// code and the first storage whoever deploys it.
    /// @param salt_ Names the DIEM chain.
    /// @param setHash_ Hash of the first set, whose nonce is 0.
    /// @param createdAt When that set was made, in seconds of the DIEM chain.
    /// @param maxSetAge_ A set older than this mints nothing, in seconds.
    /// @param mintCapacity What the mint bucket holds, in units of 10^-18 DIEM.
    /// @param shareBps A single mint above this share of the capacity waits, in hundredths of a percent.
    /// @param chainId Chain id of the DIEM chain.
    /// @param denom What the DIEM chain calls the smallest unit.
    constructor(
        bytes32 salt_,
        bytes32 setHash_,
        uint64 createdAt,
        uint64 maxSetAge_,
        uint128 mintCapacity,
        uint16 shareBps,
        address guardian_,
        string memory chainId,
        string memory denom
    ) State(salt_, maxSetAge_, chainId, denom) {
        require(setHash_ != 0 && createdAt != 0 && mintCapacity != 0 && guardian_ != address(0), Zero());
        require(shareBps != 0 && shareBps <= WHOLE_BPS, WrongShare());
        (setHash, setCreatedAt) = (setHash_, createdAt);
        (_limits.capacity, _limits.shareBps) = (mintCapacity, shareBps);
        guardian = guardian_;
        rollingHash = domainSeparator;
    }

    /// @inheritdoc IERC5267
    function eip712Domain()
        external
        view
        returns (
            bytes1 fields,
            string memory name,
            string memory version,
            uint256 chainId,
            address verifyingContract,
            bytes32 salt_,
            uint256[] memory extensions
        )
    {
        return (hex"1f", Digests.NAME, Digests.VERSION, _chainId, address(this), salt, new uint256[](0));
    }
}
