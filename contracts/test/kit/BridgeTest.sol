// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {IDiemBridge} from "./IDiemBridge.sol";
import {IDiemToken} from "./IDiemToken.sol";
import {Hashes} from "./Hashes.sol";
import {Validators, ValidatorsLib} from "./Validators.sol";
import {vm, Vm} from "./Vm.sol";

/// @dev A bridge on Base whose set 1, of ten equal powers, is installed: seven are more than two thirds, eight more than
/// three quarters, four at least a third.
abstract contract BridgeTest {
    using ValidatorsLib for Validators;

    struct Event {
        uint64 nonce;
        uint8 kind;
        bytes payload;
    }

    address internal constant FACTORY = 0x4e59b44847b379578588920cA78FbF26c0B4956C;
    uint256 internal constant BASE = 8453;
    bytes32 internal constant SALT = keccak256("salt of the tests");
    uint64 internal constant NOW = 1_800_000_000;
    uint64 internal constant SET_0_AT = NOW - 1 hours;
    uint64 internal constant MAX_SET_AGE = 5 days;
    uint128 internal constant CAPACITY = 10_000 ether;
    uint16 internal constant SHARE_BPS = 1_000;
    uint256 internal constant CAP = 1_000_000 ether;

    address internal immutable guardian = address(uint160(uint256(keccak256("guardian"))));
    address internal immutable relayer = address(uint160(uint256(keccak256("relayer"))));
    address internal immutable alice = address(uint160(uint256(keccak256("alice"))));
    address internal immutable bob = address(uint160(uint256(keccak256("bob"))));

    IDiemBridge internal bridge;
    IDiemToken internal token;
    /// @dev The stored set of the bridge.
    Validators internal stored;

    function setUp() public virtual {
        vm.chainId(BASE);
        vm.warp(NOW);
        deployFresh("diem-1");
        install(ValidatorsLib.equal("set 1", 10));
    }

    // The bridge

    function initCode(string memory chainId) internal view returns (bytes memory) {
        bytes32 hash = Hashes.setHash(SALT, 0, SET_0_AT, stored.pack());
        return bytes.concat(
            vm.getCode("out/DiemBridge.sol/DiemBridge.json"),
            abi.encode(SALT, hash, SET_0_AT, MAX_SET_AGE, CAPACITY, SHARE_BPS, guardian, chainId, "adiem")
        );
    }

    function create2(bytes memory code) internal returns (address deployed) {
        (bool success, bytes memory result) = FACTORY.call(bytes.concat(SALT, code));
        vm.assertTrue(success, "deployed");
        deployed = address(bytes20(result));
    }

    /// @dev Deploys as everybody does, by the factory; set 0 has four equal powers. Another chain id of the DIEM chain
    /// gives another address.
    function deployFresh(string memory chainId) internal {
        stored = ValidatorsLib.equal("set 0", 4);
        bridge = IDiemBridge(create2(initCode(chainId)));
        token = bridge.token();
    }

    /// @dev A call that needs signatures, made by those who suffice for a call of more than two thirds.
    function sign(bytes32 structHash) internal view returns (bytes memory) {
        return sign(structHash, ValidatorsLib.quorum(stored.keys.length));
    }

    function sign(bytes32 structHash, uint256 count) internal view returns (bytes memory) {
        return stored.sign(digest(structHash), ValidatorsLib.first(count));
    }

    function digest(bytes32 structHash) internal view returns (bytes32) {
        return Hashes.digest(bridge.domainSeparator(), structHash);
    }

    // Calls

    /// @dev A second passes, because a set must be later than the stored one.
    function install(Validators memory next) internal {
        vm.warp(block.timestamp + 1);
        updateSet(bridge.setNonce() + 1, uint64(block.timestamp), next);
        stored = next;
    }

    function updateSet(uint64 nonce, uint64 createdAt, Validators memory next) internal {
        bytes memory packed = next.pack();
        bytes memory sigs = sign(Hashes.valset(nonce, createdAt, Hashes.setHash(SALT, nonce, createdAt, packed)));
        bridge.updateSet(stored.pack(), sigs, nonce, createdAt, packed);
    }

    function submit(uint64 nonce, uint128 fee, bytes memory transfers) internal {
        submit(nonce, uint64(block.timestamp) + 1 days, fee, transfers);
    }

    function submit(uint64 nonce, uint64 deadline, uint128 fee, bytes memory transfers) internal {
        bytes memory sigs = sign(Hashes.batch(nonce, deadline, fee, transfers));
        vm.prank(relayer);
        bridge.submitBatch(stored.pack(), sigs, nonce, deadline, fee, transfers);
    }

    function setLimits(uint64 adminNonce, uint128 capacity, uint16 shareBps) internal {
        bytes memory sigs = sign(Hashes.setLimits(adminNonce, capacity, shareBps));
        bridge.setLimits(stored.pack(), sigs, adminNonce, capacity, shareBps);
    }

    function resolveQueue(uint64 adminNonce, uint64 queueId, bool release) internal {
        bytes memory sigs = sign(Hashes.resolveQueue(adminNonce, queueId, release));
        bridge.resolveQueue(stored.pack(), sigs, adminNonce, queueId, release);
    }

    function unpause(uint64 adminNonce, uint64 named) internal {
        bytes memory sigs = sign(Hashes.unpause(adminNonce, named));
        bridge.unpause(stored.pack(), sigs, adminNonce, named);
    }

    function pause(uint64 nonce) internal {
        bytes memory sigs = sign(Hashes.pause(nonce));
        bridge.pauseByValidators(stored.pack(), sigs, nonce);
    }

    function moveBridge(uint64 adminNonce, address next) internal {
        bytes memory sigs = sign(Hashes.moveBridge(adminNonce, next), stored.keys.length);
        bridge.moveBridge(stored.pack(), sigs, adminNonce, next);
    }

    /// @dev One transfer that finds no room, because it is above the share of one mint. It gets the next queue id.
    function enqueue(uint64 batchNonce, address to, uint128 amount) internal {
        submit(batchNonce, 0, transfer(to, amount));
    }

    function transfer(address to, uint128 amount) internal pure returns (bytes memory) {
        return abi.encodePacked(to, amount);
    }

    function makeStale() internal {
        vm.warp(bridge.setCreatedAt() + MAX_SET_AGE + 1);
    }

    // What the bridge says

    function pauseNonce() internal view returns (uint64 nonce) {
        (, nonce,) = bridge.pauseState();
    }

    function room() internal view returns (uint128 room_) {
        (,, room_,,,,) = bridge.limits();
    }

    function queued() internal view returns (uint128 queued_) {
        (,,, queued_,,,) = bridge.limits();
    }

    /// @dev The bridge's events since `vm.recordLogs()`.
    function events() internal returns (Event[] memory found) {
        Vm.Log[] memory logs = vm.getRecordedLogs();
        found = new Event[](logs.length);
        uint256 count;
        for (uint256 i = 0; i < logs.length; ++i) {
            if (logs[i].emitter != address(bridge)) continue;
            vm.assertEq(logs[i].topics[0], keccak256("BridgeEvent(uint64,uint8,bytes)"), "only one kind of log");
            (uint8 kind, bytes memory payload) = abi.decode(logs[i].data, (uint8, bytes));
            found[count++] = Event(uint64(uint256(logs[i].topics[1])), kind, payload);
        }
        // Shortens the array to what was found.
        assembly ("memory-safe") {
            mstore(found, count)
        }
    }

    function assertEvent(Event memory found, uint8 kind, bytes memory payload) internal pure {
        vm.assertEq(found.kind, kind, "kind of event");
        vm.assertEq(found.payload, payload, "payload of event");
    }
}
