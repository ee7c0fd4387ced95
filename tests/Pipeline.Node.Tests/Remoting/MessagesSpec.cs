using System.Reflection;
using System.Reflection.Emit;
using Akka.Actor;
using Akka.Serialization;
using Pipeline.Core;
using Pipeline.Ingest;
using Pipeline.Node.Tests.Failures;
using Pipeline.Operations.Control;
using Pipeline.Remoting.Wire;
using Pipeline.Testing;
using Pipeline.Transform.Coordination;

namespace Pipeline.Node.Tests.Remoting;

/// <summary>Every message that one actor sends another has a manifest, or stays within its node.</summary>
public sealed class MessagesSpec : IAsyncLifetime
{
    private static readonly Assembly[] Rooms = [typeof(IngestMessageSerializer).Assembly, typeof(TransformMessageSerializer).Assembly, typeof(ControlMessageSerializer).Assembly, typeof(Composition.NodeHost).Assembly];

    private readonly ScratchDirectory _directory = new("pipeline-messages-");
    private RunningNode _node = null!;

    private Serialization Serialization => _node.System.Serialization;

    public async ValueTask InitializeAsync() => _node = await RunningNode.StartAsync(_directory, "");

    public async ValueTask DisposeAsync()
    {
        await _node.DisposeAsync();
        _directory.Dispose();
    }

    [Fact]
    public void Every_message_that_an_actor_of_ours_receives_has_a_manifest_or_stays_within_its_node()
    {
        var received = ReceivedTypes();

        // Those of workers, committers, the monitor, the coordinator and its runners.
        Assert.True(received.Count > 30, string.Join(", ", received));
        foreach (var type in received.Where(type => !IsAkkas(type)).SelectMany(Concrete))
        {
            var serializer = Serialization.FindSerializerForType(type);
            if (serializer is RefusingSerializer) Assert.True(StaysInNode(type), $"{type} has no manifest and does not say that it stays within its node (INoSerializationVerificationNeeded).");
            else Assert.True(serializer is IngestMessageSerializer or TransformMessageSerializer or ControlMessageSerializer && !StaysInNode(type), $"{type} is written by {serializer}.");
        }
    }

    [Fact]
    public void What_stays_within_its_node_is_neither_written_nor_read()
    {
        foreach (var type in ReceivedTypes().Where(type => !IsAkkas(type)).SelectMany(Concrete).Where(StaysInNode))
        {
            Assert.Throws<MessageRefusedException>(() => Serialization.Serialize(System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(type)));
            var refused = Assert.Throws<MessageRefusedException>(() => Serialization.Deserialize("{}"u8.ToArray(), 1, $"{type.FullName}, {type.Assembly.GetName().Name}"));
            Assert.Contains(type.Name, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void No_manifest_of_ours_names_a_type_and_each_has_a_version()
    {
        var manifests = ManifestsOf(new IngestMessageSerializer((ExtendedActorSystem)_node.System), IngestMessageSerializer.Types)
            .Concat(ManifestsOf(new TransformMessageSerializer((ExtendedActorSystem)_node.System), TransformMessageSerializer.Types))
            .Concat(ManifestsOf(new ControlMessageSerializer((ExtendedActorSystem)_node.System), ControlMessageSerializer.Types)).ToList();

        Assert.All(manifests, manifest => Assert.Matches("^[a-z][a-z-]*-[1-9][0-9]*$", manifest));
        Assert.Distinct(manifests);
    }

    [Fact]
    public void The_serializers_of_a_node_are_these()
    {
        // Brings its serializers when it is first used.
        _ = Akka.Persistence.Persistence.Instance.Apply(_node.System);
        var byId = (System.Collections.IDictionary)typeof(Serialization).GetField("_serializersById", BindingFlags.Instance | BindingFlags.NonPublic)!.GetValue(Serialization)!;
        var lines = byId.Keys.Cast<int>().Order().Select(id => $"{id} {byId[id]!.GetType().FullName}\n");

        Golden.Verify("serializers.txt", string.Concat(lines));
    }

    private static IEnumerable<string> ManifestsOf(SerializerWithStringManifest serializer, IEnumerable<Type> types) =>
        types.Select(type => serializer.Manifest(System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(type)));

    /// <summary>It, or those that are meant where it is only the kind.</summary>
    private static IEnumerable<Type> Concrete(Type type)
    {
        if (!type.IsAbstract) return [type];
        if (!type.IsGenericType) return type.Assembly.GetTypes().Where(other => type.IsAssignableFrom(other) && !other.IsAbstract);
        return type.GetGenericTypeDefinition().GetNestedTypes().Select(nested => nested.MakeGenericType(type.GetGenericArguments()));
    }

    private static bool IsAkkas(Type type) => type.Namespace!.StartsWith("Akka", StringComparison.Ordinal) || type == typeof(object);

    /// <summary>Says so, or cannot be named outside of its room; outcomes of work beside the main path are the actor's own.</summary>
    private static bool StaysInNode(Type type) => typeof(INoSerializationVerificationNeeded).IsAssignableFrom(type) || !type.IsVisible
        || (type.IsGenericType && type.GetGenericTypeDefinition().DeclaringType == typeof(Outcome<>));

    /// <summary>The types for which an actor has a handler: the T of each <c>Receive&lt;T&gt;</c>, <c>Command&lt;T&gt;</c> and <c>Recover&lt;T&gt;</c> that its code calls.</summary>
    private static HashSet<Type> ReceivedTypes()
    {
        const BindingFlags all = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly;
        var types = new HashSet<Type>();
        foreach (var actor in Rooms.SelectMany(room => room.GetTypes()).Where(type => typeof(ActorBase).IsAssignableFrom(type) && !type.IsAbstract))
            foreach (var method in actor.GetMethods(all).Cast<MethodBase>().Concat(actor.GetConstructors(all)))
                types.UnionWith(CalledBy(method).Where(called => called is { IsGenericMethod: true, Name: "Receive" or "ReceiveAsync" or "Command" or "CommandAsync" or "Recover" })
                    .Select(called => called.GetGenericArguments()[0]));
        return types;
    }

    private static IEnumerable<MethodBase> CalledBy(MethodBase method)
    {
        var code = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (var at = 0; at + 4 < code.Length; at++)
        {
            if (code[at] != OpCodes.Call.Value && code[at] != OpCodes.Callvirt.Value) continue;
            if (Resolve(method, BitConverter.ToInt32(code, at + 1)) is { } called) yield return called;
        }
    }

    /// <summary>Null: these bytes were no call.</summary>
    private static MethodBase? Resolve(MethodBase method, int token)
    {
        try
        {
            return method.Module.ResolveMethod(token);
        }
        catch (ArgumentException)
        {
            return null;
        }
    }
}
