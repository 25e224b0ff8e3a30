// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {ERC20Bridgeable} from "@openzeppelin/contracts/token/ERC20/extensions/draft-ERC20Bridgeable.sol";
import {ERC20Capped} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Capped.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {MOVE_DELAY, SUPPLY_CAP} from "./bridge/Constants.sol";

/// @title DIEM of the DIEM chain, mirrored on Base
/// @notice Each unit stands for one that the DIEM chain holds in escrow. Only the bridge mints and burns (ERC-7802).
/// @dev `_totalSupply` must stay in slot 2, because the DIEM chain reads it by storage proof: ERC20 is the first base.
contract DiemToken is ERC20, ERC20Permit, ERC20Capped, ERC20Bridgeable {
    /// @dev The bridge at the time of the last announcement. Read `bridge()`, which knows whether the move took place.
    address private _bridge;
    /// @dev When `_next` takes over, in seconds; 0 if no move is announced.
    uint64 private _nextFrom;
    address private _next;

    /// @notice The chain id of the DIEM chain whose units these are.
    string public nativeChainId;
    /// @notice What the DIEM chain calls the smallest unit.
    string public nativeDenom;

    error NotBridge(address caller);
    error NoBridge();
    error NoMove();

    /// @dev The bridge's constructor makes the token, so that neither is ever without the other.
    constructor(string memory chainId, string memory denom)
        ERC20("DIEM (native)", "nDIEM")
        ERC20Permit("DIEM (native)")
        ERC20Capped(SUPPLY_CAP)
    {
        _bridge = msg.sender;
        nativeChainId = chainId;
        nativeDenom = denom;
    }

    /// @notice The only account that mints and burns.
    function bridge() public view returns (address) {
        uint64 from = _nextFrom;
        return from != 0 && from <= block.timestamp ? _next : _bridge;
    }

    /// @notice The bridge that was announced last and the second from which the token obeys it; zeroes if there is none.
    function nextBridge() external view returns (address next, uint64 from) {
        return (_next, _nextFrom);
    }

    /// @notice Announces the bridge that the token obeys from seven days from now on. Replaces what was announced before.
    /// @return from The second from which the token obeys it.
    function announceMove(address next) external onlyTokenBridge returns (uint64 from) {
        require(next != address(0), NoBridge());
        from = uint64(block.timestamp) + MOVE_DELAY;
        (_bridge, _next, _nextFrom) = (msg.sender, next, from);
    }

    /// @notice Takes the announcement back. Once the move took place, only the new bridge is obeyed, and nothing is left
    /// to take back.
    function cancelMove() external onlyTokenBridge {
        require(_nextFrom > block.timestamp, NoMove());
        (_next, _nextFrom) = (address(0), 0);
    }

    function _checkTokenBridge(address caller) internal view override {
        require(caller == bridge(), NotBridge(caller));
    }

    function _update(address from, address to, uint256 value) internal override(ERC20, ERC20Capped) {
        super._update(from, to, value);
    }
}
