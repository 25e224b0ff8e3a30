// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {Digests} from "../src/bridge/Digests.sol";
import {Journal} from "../src/bridge/Journal.sol";
import {IDiemBridge} from "./kit/IDiemBridge.sol";
import {IDiemToken} from "./kit/IDiemToken.sol";
import {Libraries, OpenJournal} from "./vectors/Harness.sol";
import {Json, JsonLib, cheats} from "./vectors/Json.sol";

/// @title The bytes that both halves share are those of `vectors/`
/// @notice The DIEM chain checks the same files (`modules/bridge/tests/it`).
contract VectorsTest {
    using JsonLib for Json;

    Libraries private immutable LIBRARIES = new Libraries();

    function test_DomainsAreThoseOfTheVectors() external {
        Json[] memory domains = JsonLib.open("salt_and_domain").list("domain");
        for (uint256 i = 0; i < domains.length; ++i) {
            Json memory domain = domains[i];
            cheats.chainId(domain.number("baseChainId"));
            bytes32 separator = LIBRARIES.domain(domain.word("salt"), domain.account("bridge"));
            cheats.assertEq(separator, domain.word("separator"), domain.path);
        }
    }

    function test_TheEvmCreatesTheBridgeWhereTheVectorsSay() external {
        Json memory file = JsonLib.open("addresses");
        Json[] memory cases = file.list("cases");
        for (uint256 i = 0; i < cases.length; ++i) {
            Json memory arguments = cases[i].get("constructor");
            bytes memory encoded = abi.encode(
                arguments.word("salt"),
                arguments.word("setHash"),
                arguments.u64("createdAt"),
                arguments.u64("maxSetAge"),
                arguments.u128("mintCapacity"),
                arguments.u16("shareBps"),
                arguments.account("guardian"),
                arguments.str("chainId"),
                arguments.str("denom")
            );
            cheats.assertEq(encoded, cases[i].data("encoded"), cases[i].path);
            bytes memory initCode = bytes.concat(cases[i].data("creationCode"), encoded);
            cheats.assertEq(keccak256(initCode), cases[i].word("initCodeHash"), cases[i].path);
            (bool success, bytes memory created) =
                file.account("deployer").call(bytes.concat(arguments.word("salt"), initCode));
            cheats.assertTrue(success, cases[i].path);
            cheats.assertEq(address(bytes20(created)), cases[i].account("bridge"), cases[i].path);
        }
    }

    function test_SetsHashAndAreRefusedAsTheVectorsSay() external view {
        Json memory file = JsonLib.open("sets");
        Json[] memory cases = file.list("cases");
        for (uint256 i = 0; i < cases.length; ++i) {
            Json memory set = cases[i];
            LIBRARIES.check(set.data("bytes"));
            bytes32 hash =
                LIBRARIES.setHash(file.word("salt"), set.u64("nonce"), set.u64("createdAt"), set.data("bytes"));
            cheats.assertEq(hash, set.word("setHash"), set.str("name"));
        }
        Json[] memory invalid = file.list("invalid");
        for (uint256 i = 0; i < invalid.length; ++i) {
            _assertRefused(abi.encodeCall(Libraries.check, (invalid[i].data("bytes"))), invalid[i], "MalformedSet()");
        }
    }

    function test_SignatureListsCountAsTheVectorsSay() external view {
        Json memory file = JsonLib.open("signature_lists");
        bytes32 digest = file.get("batch").word("digest");
        Json[] memory cases = file.list("cases");
        for (uint256 i = 0; i < cases.length; ++i) {
            Json memory list = cases[i];
            (uint256 signed, uint256 total) = LIBRARIES.signedPower(list.data("set"), list.data("bytes"), digest);
            cheats.assertEq(signed, list.number("signed"), list.str("name"));
            cheats.assertEq(total, list.number("total"), list.str("name"));
        }
        Json[] memory invalid = file.list("invalid");
        for (uint256 i = 0; i < invalid.length; ++i) {
            Json memory list = invalid[i];
            bytes memory call = abi.encodeCall(Libraries.signedPower, (list.data("set"), list.data("bytes"), digest));
            _assertRefused(call, list, _signature(list));
        }
    }

    function test_StructsHashAsTheVectorsSay() external view {
        Json[] memory cases = JsonLib.open("batches").list("cases");
        for (uint256 i = 0; i < cases.length; ++i) {
            Json memory given = cases[i];
            bytes32 hash =
                LIBRARIES.batch(given.u64("nonce"), given.u64("deadline"), given.u128("fee"), given.data("transfers"));
            _assertHashes("batches", given, hash);
        }
        cases = JsonLib.open("valsets").list("cases");
        for (uint256 i = 0; i < cases.length; ++i) {
            Json memory given = cases[i];
            _assertHashes(
                "valsets", given, Digests.valset(given.u64("nonce"), given.u64("createdAt"), given.word("setHash"))
            );
        }
        cases = JsonLib.open("admin").list("cases");
        for (uint256 i = 0; i < cases.length; ++i) {
            _assertHashes("admin", cases[i], _actionHash(cases[i]));
        }
        cases = JsonLib.open("pauses").list("cases");
        for (uint256 i = 0; i < cases.length; ++i) {
            _assertHashes("pauses", cases[i], Digests.pause(cases[i].u64("pauseNonce")));
        }
    }

    function test_EventsAndTheirRollingHashAreThoseOfTheVectors() external {
        Json memory file = JsonLib.open("events");
        OpenJournal journal = new OpenJournal(file.word("before"));
        Json[] memory cases = file.list("cases");
        for (uint256 i = 0; i < cases.length; ++i) {
            uint8 kind = uint8(cases[i].number("kind"));
            cheats.expectEmit(address(journal));
            emit Journal.BridgeEvent(cases[i].u64("nonce"), kind, cases[i].data("payload"));
            journal.record(kind, cases[i].get("fields"));
            cheats.assertEq(journal.rollingHash(), cases[i].word("rollingHash"), cases[i].str("name"));
        }
    }

    function test_TheBridgeOfTheVectorsIsTheirs() external {
        (IDiemBridge bridge, Json memory arguments) = _deployed();
        Json memory domain = JsonLib.open("salt_and_domain").list("domain")[0];
        cheats.assertEq(bridge.domainSeparator(), domain.word("separator"), "domainSeparator");
        cheats.assertEq(bridge.rollingHash(), domain.word("separator"), "rollingHash");
        cheats.assertEq(bridge.salt(), arguments.word("salt"), "salt");
        cheats.assertEq(bridge.setHash(), arguments.word("setHash"), "setHash");
        address token = JsonLib.open("addresses").list("cases")[0].account("token");
        cheats.assertEq(address(bridge.token()), token, "token");
        cheats.assertEq(IDiemToken(token).bridge(), address(bridge), "the token's bridge");

        Json memory constants = JsonLib.open("constants");
        cheats.assertEq(bridge.setNonce(), constants.number("constructorSetNonce"), "constructorSetNonce");
        (, uint64 pauseNonce,) = bridge.pauseState();
        cheats.assertEq(pauseNonce, constants.number("firstPauseNonce"), "firstPauseNonce");
        Json memory slots = constants.get("slots");
        bytes32 rollingHash = cheats.load(address(bridge), bytes32(slots.number("rollingHash")));
        cheats.assertEq(rollingHash, bridge.rollingHash(), "slot of rollingHash");
        bytes32 setHash = cheats.load(address(bridge), bytes32(slots.number("setHash")));
        cheats.assertEq(setHash, bridge.setHash(), "slot of setHash");
    }

    function test_TheFirstSlotIsPackedAsTheVectorsSay() external {
        (IDiemBridge bridge,) = _deployed();
        bytes32 slot = bytes32(JsonLib.open("constants").get("slots").number("bridgeState"));
        Json[] memory cases = JsonLib.open("slots").list("cases");
        for (uint256 i = 0; i < cases.length; ++i) {
            cheats.store(address(bridge), slot, cases[i].word("word"));
            cheats.assertEq(bridge.eventNonce(), cases[i].number("eventNonce"), "eventNonce");
            cheats.assertEq(bridge.setNonce(), cases[i].number("setNonce"), "setNonce");
            cheats.assertEq(bridge.setCreatedAt(), cases[i].number("setCreatedAt"), "setCreatedAt");
            cheats.assertEq(bridge.status(), cases[i].number("status"), "status");
        }
    }

    /// @dev The batch of the vectors, with each of their lists: it is executed if the list is of the stored set and of
    /// more than two thirds of its power.
    function test_ABatchIsExecutedWithExactlyTheListsThatSuffice() external {
        (IDiemBridge bridge, Json memory arguments) = _deployed();
        // As if set 0 had been followed by itself, so that the bridge is not fresh any more.
        bytes32 slot = bytes32((uint256(1) << 192) | (arguments.number("createdAt") << 128));
        cheats.store(address(bridge), bytes32(0), slot);
        cheats.warp(arguments.number("createdAt") + 600);

        Json memory file = JsonLib.open("signature_lists");
        Json[] memory cases = file.list("cases");
        uint256 executions;
        for (uint256 i = 0; i < cases.length; ++i) {
            bool isStored = LIBRARIES.setHash(bridge.salt(), 0, arguments.u64("createdAt"), cases[i].data("set"))
                == bridge.setHash();
            uint256 snapshot = cheats.snapshotState();
            bool executed = _submit(bridge, file.get("batch"), cases[i]);
            cheats.assertTrue(executed == (isStored && cases[i].isTrue("moreThanTwoThirds")), cases[i].str("name"));
            cheats.assertTrue(bridge.executed(1) == executed, cases[i].str("name"));
            cheats.revertToState(snapshot);
            if (executed) ++executions;
        }
        cheats.assertEq(executions, 2, "seven of nine, and all of nine");
        Json[] memory invalid = file.list("invalid");
        for (uint256 i = 0; i < invalid.length; ++i) {
            cheats.assertTrue(!_submit(bridge, file.get("batch"), invalid[i]), invalid[i].str("name"));
        }
    }

    function test_TransfersThatAreNoneOfABatchAreRefused() external {
        (IDiemBridge bridge, Json memory arguments) = _deployed();
        cheats.store(address(bridge), bytes32(0), bytes32((uint256(1) << 192) | (arguments.number("createdAt") << 128)));
        cheats.warp(arguments.number("createdAt"));
        Json[] memory invalid = JsonLib.open("batches").list("invalid");
        for (uint256 i = 0; i < invalid.length; ++i) {
            bytes memory call =
                abi.encodeCall(bridge.submitBatch, ("", "", 1, type(uint64).max, 0, invalid[i].data("transfers")));
            (bool success, bytes memory reason) = address(bridge).call(call);
            cheats.assertTrue(!success, invalid[i].str("name"));
            cheats.assertEq(
                bytes32(bytes4(reason)), bytes32(bytes4(keccak256("WrongTransfers()"))), invalid[i].str("name")
            );
        }
    }

    /// @dev The bridge at the address of the vectors. Their creation code is made up, so the true one runs in its place.
    function _deployed() private returns (IDiemBridge bridge, Json memory arguments) {
        Json memory given = JsonLib.open("addresses").list("cases")[0];
        arguments = given.get("constructor");
        bridge = IDiemBridge(given.account("bridge"));
        cheats.chainId(JsonLib.open("salt_and_domain").list("domain")[0].number("baseChainId"));
        cheats.warp(arguments.number("createdAt"));
        // An account that was created has the nonce 1 (EIP-161), and the token's address follows from that.
        cheats.setNonceUnsafe(address(bridge), 1);
        cheats.etch(
            address(bridge), bytes.concat(cheats.getCode("out/DiemBridge.sol/DiemBridge.json"), given.data("encoded"))
        );
        (bool success, bytes memory code) = address(bridge).call("");
        cheats.assertTrue(success, "the constructor");
        cheats.etch(address(bridge), code);
    }

    function _submit(IDiemBridge bridge, Json memory batch, Json memory list) private returns (bool success) {
        bytes memory call = abi.encodeCall(
            bridge.submitBatch,
            (
                list.data("set"),
                list.data("bytes"),
                batch.u64("nonce"),
                batch.u64("deadline"),
                batch.u128("fee"),
                batch.data("transfers")
            )
        );
        (success,) = address(bridge).call(call);
    }

    function _actionHash(Json memory given) private pure returns (bytes32) {
        bytes32 action = keccak256(bytes(given.str("action")));
        uint64 nonce = given.u64("adminNonce");
        if (action == keccak256("Unpause")) return Digests.unpause(nonce, given.u64("pauseNonce"));
        if (action == keccak256("SetLimits")) {
            return Digests.setLimits(nonce, given.u128("mintCapacity"), given.u16("shareBps"));
        }
        if (action == keccak256("ResolveQueue")) {
            return Digests.resolveQueue(nonce, given.u64("queueId"), given.isTrue("release"));
        }
        if (action == keccak256("SetGuardian")) return Digests.setGuardian(nonce, given.account("guardian"));
        require(action == keccak256("MoveBridge"), "unknown action");
        return Digests.moveBridge(nonce, given.account("bridge"));
    }

    function _assertHashes(string memory file, Json memory given, bytes32 structHash) private view {
        string memory what = string.concat(file, given.path);
        cheats.assertEq(structHash, given.word("structHash"), what);
        bytes32 separator = JsonLib.open(file).get("domain").word("separator");
        cheats.assertEq(LIBRARIES.digest(separator, structHash), given.word("digest"), what);
    }

    /// @dev Asserts that the libraries revert with the error of this signature; with any where there is none.
    function _assertRefused(bytes memory call, Json memory given, string memory signature) private view {
        (bool success, bytes memory reason) = address(LIBRARIES).staticcall(call);
        cheats.assertTrue(!success, given.str("name"));
        if (bytes(signature).length == 0) return;
        cheats.assertEq(bytes32(bytes4(reason)), bytes32(bytes4(keccak256(bytes(signature)))), given.str("name"));
    }

    /// @dev The signature of the error that a vector names; nothing if it leaves the error open.
    function _signature(Json memory given) private pure returns (string memory) {
        bytes32 name = keccak256(bytes(given.str("revert")));
        if (name == keccak256("WrongSigner")) return "WrongSigner(uint256)";
        if (name == keccak256("WrongSignatureList")) return "WrongSignatureList()";
        require(name == keccak256("null"), "unknown error");
        return "";
    }
}
