// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Hashes} from "../kit/Hashes.sol";
import {Validators, ValidatorsLib} from "../kit/Validators.sol";
import {vm} from "../kit/Vm.sol";
import {Ledger} from "./Ledger.sol";

/// @dev Everybody who may call the bridge, with whatever the fuzzer makes of it. A call may be refused; no call may do
/// what it must not, and the ledger watches that. It begins with a fresh bridge.
contract Handler is Ledger {
    using ValidatorsLib for Validators;

    uint256 private constant MEMBERS = 4;

    address[4] private actors = [address(0xa11ce), address(0xb0b), address(0xca01), address(0xda0)];
    /// @dev The label of the keys of each set that was ever signed.
    mapping(bytes32 setHash => string) private labels;
    uint256 private setsMade;
    /// @dev Every signed call that passed.
    bytes[] private passed;
    uint256 public passedCount;

    constructor() {
        vm.chainId(BASE);
        vm.warp(NOW);
        vm.recordLogs();
        deployFresh("diem-1");
        folded = bridge.domainSeparator();
    }

    function wait(uint256 time) external booked {
        // Mostly hours, now and then as long as a set lives.
        vm.warp(block.timestamp + (time % 16 == 0 ? time % 6 days : time % 16 hours));
    }

    function submit(uint64 nonce, uint256 count, uint256 seed) external booked {
        bytes memory transfers;
        for (uint256 i = 0; i <= count % 6; ++i) {
            seed = uint256(keccak256(abi.encode(seed)));
            transfers = bytes.concat(transfers, transfer(actors[seed % 4], amountOf(seed >> 8)));
        }
        nonce = nonce % 64; // so that nonces meet again
        uint64 deadline = uint64(block.timestamp - 1 hours + seed % 1 days);
        uint128 fee = uint128(amountOf(seed >> 16) / 20);
        bytes memory sigs = sign(Hashes.batch(nonce, deadline, fee, transfers));
        vm.prank(actors[nonce % 4]);
        sendSigned(abi.encodeCall(bridge.submitBatch, (stored.pack(), sigs, nonce, deadline, fee, transfers)));
    }

    /// @dev Signed by half of the power, or by strangers: nobody may get anything for it.
    function forge(uint64 nonce, uint256 how) external booked {
        bytes memory transfers = transfer(actors[0], 1 ether);
        uint64 deadline = uint64(block.timestamp) + 1 days;
        bytes32 structHash = Hashes.batch(nonce, deadline, 0, transfers);
        Validators memory signers = how % 2 == 0 ? stored : ValidatorsLib.equal("strangers", stored.keys.length);
        bytes memory sigs = signers.sign(digest(structHash), how % 2 == 0 ? 3 : 15);
        mustFail(abi.encodeCall(bridge.submitBatch, (stored.pack(), sigs, nonce, deadline, 0, transfers)));
        sigs = signers.sign(digest(Hashes.setGuardian(type(uint64).max, actors[0])), how % 2 == 0 ? 3 : 15);
        mustFail(abi.encodeCall(bridge.setGuardian, (stored.pack(), sigs, type(uint64).max, actors[0])));
    }

    function replay(uint256 which) external booked {
        if (passed.length != 0) mustFail(passed[which % passed.length]);
    }

    /// @dev The same calls on the side of a split that is not Base.
    function split(uint256 which, uint64 queueId) external booked {
        vm.chainId(BASE + 1);
        if (passed.length != 0) mustFail(passed[which % passed.length]);
        mustFail(abi.encodeCall(bridge.release, (queueId)));
        mustFail(abi.encodeCall(bridge.installProposed, ()));
        vm.chainId(BASE);
    }

    function burn(uint256 who, uint256 amount) external booked {
        address actor = actors[who % 4];
        uint256 balance = token.balanceOf(actor);
        vm.prank(actor);
        amount = balance == 0 ? amount % 1 ether : 1 + amount % balance;
        send(abi.encodeCall(bridge.burn, (uint128(amount), actors[0])));
    }

    function release(uint64 id) external booked {
        send(abi.encodeCall(bridge.release, (id % uint64(items.length + 1))));
    }

    function veto(uint64 id) external booked {
        vm.prank(guardian);
        send(abi.encodeCall(bridge.veto, (id % uint64(items.length + 1))));
    }

    function resolve(uint64 id, bool releases) external booked {
        id = id % uint64(items.length + 1);
        uint64 nonce = bridge.adminNonce() + 1;
        bytes memory sigs = sign(Hashes.resolveQueue(nonce, id, releases));
        sendSigned(abi.encodeCall(bridge.resolveQueue, (stored.pack(), sigs, nonce, id, releases)));
    }

    function pauseByGuardian() external booked {
        vm.prank(guardian);
        send(abi.encodeCall(bridge.pauseByGuardian, ()));
    }

    function pauseByValidators(uint64 ahead) external booked {
        uint64 nonce = pauseNonce() + ahead % 6;
        bytes memory sigs = sign(Hashes.pause(nonce));
        sendSigned(abi.encodeCall(bridge.pauseByValidators, (stored.pack(), sigs, nonce)));
    }

    function unpause(uint64 gap) external booked {
        uint64 nonce = bridge.adminNonce() + 1 + gap % 4;
        uint64 named = pauseNonce();
        bytes memory sigs = sign(Hashes.unpause(nonce, named));
        sendSigned(abi.encodeCall(bridge.unpause, (stored.pack(), sigs, nonce, named)));
    }

    function limit(uint128 capacity, uint16 shareBps) external booked {
        capacity = capacity % 16 == 0 ? 0 : CAPACITY / 2 + capacity % (2 * CAPACITY);
        uint64 nonce = bridge.adminNonce() + 1;
        shareBps = shareBps % 16 == 0 ? shareBps : 500 + shareBps % 1_000;
        bytes memory sigs = sign(Hashes.setLimits(nonce, capacity, shareBps));
        sendSigned(abi.encodeCall(bridge.setLimits, (stored.pack(), sigs, nonce, capacity, shareBps)));
    }

    function lower(uint128 capacity, uint16 shareBps) external booked {
        (uint128 now_, uint16 bps,,,,,) = bridge.limits();
        capacity = capacity % 16 == 0 ? 0 : now_ - capacity % (now_ / 8 + 1) + capacity % 3;
        vm.prank(guardian);
        send(abi.encodeCall(bridge.lowerLimits, (capacity, bps - shareBps % (bps / 8 + 1))));
    }

    /// @dev Installs a set, or proposes it if the stored one is stale.
    function rotate(uint64 gap, uint64 age) external booked {
        string memory label = string(abi.encodePacked("set", ++setsMade));
        uint64 nonce = bridge.setNonce() + 1 + gap % 4;
        uint64 createdAt = uint64(block.timestamp) - (age % 4 == 0 ? age % 3 days : 0);
        bytes memory next = ValidatorsLib.equal(label, MEMBERS).pack();
        bytes32 hash = Hashes.setHash(SALT, nonce, createdAt, next);
        labels[hash] = label;
        bytes memory sigs = sign(Hashes.valset(nonce, createdAt, hash));
        sendSigned(abi.encodeCall(bridge.updateSet, (stored.pack(), sigs, nonce, createdAt, next)));
    }

    function installProposed() external booked {
        send(abi.encodeCall(bridge.installProposed, ()));
    }

    function vetoSet(uint256 chance) external booked {
        (uint64 nonce,,,) = bridge.proposed();
        if (chance % 3 != 0) return;
        vm.prank(guardian);
        send(abi.encodeCall(bridge.vetoSet, (nonce)));
    }

    function onInstalled(bytes32 hash) internal override {
        stored = ValidatorsLib.equal(labels[hash], MEMBERS);
    }

    /// @dev Mostly around the share of one mint, now and then dust or more than the capacity of a day.
    function amountOf(uint256 seed) private pure returns (uint128) {
        return uint128(seed % 8 == 0 ? seed % (10 ** (seed % 24)) : seed % (2 * CAPACITY * SHARE_BPS / 10_000));
    }

    function send(bytes memory data) private returns (bool success) {
        (success,) = address(bridge).call(data);
        // Forge also records the logs of a call that was undone.
        if (!success) vm.getRecordedLogs();
    }

    function sendSigned(bytes memory data) private {
        if (!send(data)) return;
        passed.push(data);
        ++passedCount;
    }

    function mustFail(bytes memory data) private {
        vm.assertTrue(!send(data), "refused");
    }
}
