// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Authority} from "./Authority.sol";
import {ACTIVE, MAX_CLOCK_LEAD} from "./Constants.sol";
import {Digests} from "./Digests.sol";
import {NoProposal, ProposalWaits, SetFromTheFuture, SetNotNewer, SetTooOld, SetVetoed, TooEarly} from "./Errors.sol";
import {Sets} from "./Sets.sol";
import {Proposal} from "./State.sol";

/// @title The validator set and how the next one takes its place
/// @dev While the stored set is live, its members replace it at once. Once it is stale their stake may have left, so they
/// only propose, and the guardian has time for a veto. Nothing mints in the meantime.
abstract contract ValidatorSets is Authority {
    /// @notice Installs a newer set, or proposes it if the stored one is stale. Gaps between the nonces are fine.
    /// @param set The stored set.
    /// @param sigs Signatures of more than two thirds of it.
    /// @param newSet Members and powers of the new set.
    function updateSet(bytes calldata set, bytes calldata sigs, uint64 nonce, uint64 createdAt, bytes calldata newSet)
        external
        onBase
        nonReentrant
    {
        require(nonce > setNonce && createdAt > setCreatedAt, SetNotNewer());
        require(createdAt <= block.timestamp + MAX_CLOCK_LEAD, SetFromTheFuture());
        require(_isLive(createdAt), SetTooOld());
        Sets.check(newSet);
        bytes32 hash = Sets.hash(salt, nonce, createdAt, newSet);
        _requireMoreThan(2, 3, set, sigs, Digests.valset(nonce, createdAt, hash));

        if (_isLive(setCreatedAt)) _install(nonce, createdAt, hash);
        else _propose(nonce, createdAt, hash);
    }

    /// @notice Installs the proposed set once its time has come and while it is live.
    function installProposed() external onBase nonReentrant {
        Proposal memory proposal = _proposal;
        require(proposal.installAt != 0, NoProposal());
        require(block.timestamp >= proposal.installAt, TooEarly(proposal.installAt));
        require(_isLive(proposal.createdAt), SetTooOld());
        delete _proposal;
        _install(proposal.nonce, proposal.createdAt, proposal.setHash);
    }

    /// @notice The guardian drops the proposed set for good.
    function vetoSet(uint64 nonce) external onBase nonReentrant onlyGuardian {
        require(_proposal.installAt != 0 && _proposal.nonce == nonce, NoProposal());
        _vetoedSets[_proposal.setHash] = true;
        delete _proposal;
        _recordVeto(VETO_SET, nonce, 0);
    }

    /// @notice The set that waits to be installed; zeroes if there is none.
    function proposed() external view returns (uint64 nonce, uint64 createdAt, bytes32 hash, uint64 installAt) {
        Proposal memory proposal = _proposal;
        return (proposal.nonce, proposal.createdAt, proposal.setHash, proposal.installAt);
    }

    function _install(uint64 nonce, uint64 createdAt, bytes32 hash) private {
        (setNonce, setCreatedAt, setHash, status) = (nonce, createdAt, hash, ACTIVE);
        _recordSetInstalled(nonce, hash, msg.sender);
    }

    /// @dev What waits is sure to be live for a while when it may be installed, so nobody can fill the place with old
    /// signed sets.
    function _propose(uint64 nonce, uint64 createdAt, bytes32 hash) private {
        require(_proposal.installAt == 0 || !_isLive(_proposal.createdAt), ProposalWaits(_proposal.nonce));
        require(!_vetoedSets[hash], SetVetoed());
        uint64 installAt = uint64(block.timestamp) + maxSetAge / 2;
        require(uint256(installAt) + maxSetAge / 5 <= uint256(createdAt) + maxSetAge, SetTooOld());
        _proposal = Proposal(nonce, createdAt, installAt, hash);
        _recordSetProposed(nonce, hash, installAt);
    }
}
