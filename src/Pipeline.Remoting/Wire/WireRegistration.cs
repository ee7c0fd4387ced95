using Akka.Dispatch.SysMsg;
using Akka.Hosting;
using Akka.Remote.Serialization;
using Pipeline.Remoting.Joining;

namespace Pipeline.Remoting.Wire;

/// <summary>What this node reads from others and writes to them.</summary>
public static class WireRegistration
{
    // Of Akka's wire format: they never change.
    private const int Json = 1;
    private const int Protobuf = 2;
    private const int RemoteDeployment = 3;
    private const int Journal = 7;
    private const int Snapshots = 8;

    // Who are you, I am; this actor; are you alive, I am.
    private static readonly string[] MiscManifests = ["ID", "AID", "AR", "RWHB", "RWHR"];

    private static readonly Type[] SystemMessages = [typeof(Watch), typeof(Unwatch), typeof(DeathWatchNotification)];

    /// <summary>
    /// Only messages with a manifest cross nodes: Akka's, as far as a cluster of ours needs them, and those of the serializers that
    /// are registered beside this. Nothing makes a type because a message names it.
    /// </summary>
    public static AkkaConfigurationBuilder WithNarrowWire(this AkkaConfigurationBuilder akka, PipelineIdentity identity) => akka
        .AddHocon("akka.log-serializer-override-on-start = off", HoconAddMode.Prepend)
        .WithCustomSerializer("json", [typeof(object)], system => new RefusingSerializer(system, Json))
        .WithCustomSerializer("proto", [], system => new RefusingSerializer(system, Protobuf))
        .WithCustomSerializer("daemon-create", [], system => new RefusingSerializer(system, RemoteDeployment))
        // A journal writes what it holds by the serializers of what that is.
        .WithCustomSerializer("akka-persistence-message", [], system => new RefusingSerializer(system, Journal))
        .WithCustomSerializer("akka-persistence-snapshot", [], system => new RefusingSerializer(system, Snapshots))
        .WithCustomSerializer("akka-misc", [], system => new NarrowedSerializer(system, new MiscMessageSerializer(system), MiscManifests))
        .WithCustomSerializer("akka-system-msg", [], system => new NarrowedSerializer(system, new SystemMessageSerializer(system), SystemMessages))
        .WithCustomSerializer("akka-cluster", [], system => new JoiningSerializer(system, identity));
}
