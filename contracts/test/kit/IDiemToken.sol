// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IERC7802} from "@openzeppelin/contracts/interfaces/draft-IERC7802.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";

/// @title The token as others see it
interface IDiemToken is IERC20, IERC20Permit, IERC7802 {
    function bridge() external view returns (address);
    function nextBridge() external view returns (address next, uint64 from);
    function nativeChainId() external view returns (string memory);
    function nativeDenom() external view returns (string memory);
    function announceMove(address next) external returns (uint64 from);
    function cancelMove() external;
}
