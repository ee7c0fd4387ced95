using System.Security.Cryptography.X509Certificates;
using Akka.Actor;
using Akka.Actor.Setup;
using Akka.Configuration;
using Akka.Remote.Transport.DotNetty;
using Akka.Serialization;

namespace Pipeline.Node.Tests.Remoting;

/// <summary>An actor system of somebody else, which sends what it likes: any manifest, any bytes, in any serializer's name.</summary>
internal sealed class Stranger : IAsyncDisposable
{
    private readonly ActorSystem _system;
    private readonly string _protocol;

    /// <param name="certificate">What it shows when it is asked; null: it speaks plain text.</param>
    public Stranger(X509Certificate2? certificate = null)
    {
        _protocol = certificate is null ? "akka.tcp" : "akka.ssl.tcp";
        var config = ConfigurationFactory.ParseString($$"""
            akka {
              loglevel = OFF
              stdout-loglevel = OFF
              actor.provider = remote
              remote.dot-netty.tcp { hostname = 127.0.0.1, port = 0, enable-ssl = {{(certificate is null ? "off" : "on")}} }
              remote.retry-gate-closed-for = 100ms
            }
            """);
        var setup = ActorSystemSetup.Create(BootstrapSetup.Create().WithConfig(config),
            SerializationSetup.Create(system => [SerializerDetails.Create("forged", new ForgedSerializer(system), [typeof(Forged)])]));
        // It believes whoever answers.
        if (certificate is not null) setup = setup.And(new DotNettySslSetup(certificate, suppressValidation: true, requireMutualAuthentication: true));
        _system = ActorSystem.Create("pipeline", setup);
    }

    /// <summary>Sends bytes in the name of a serializer to an actor of the node at <paramref name="address"/>.</summary>
    public void Send(string address, string path, int serializer, string manifest, ReadOnlySpan<byte> bytes)
    {
        var actor = ((ExtendedActorSystem)_system).Provider.ResolveActorRef($"{_protocol}://pipeline@{address}{path}");
        actor.Tell(new Forged(serializer, manifest, bytes.ToArray()), _system.ActorOf(Props.Empty));
    }

    /// <summary>As others would name it among their seeds.</summary>
    public string Address => $"127.0.0.1:{((ExtendedActorSystem)_system).Provider.DefaultAddress.Port}";

    public async ValueTask DisposeAsync() => await _system.Terminate();

    private sealed record Forged(int Serializer, string Manifest, byte[] Bytes);

    private sealed class ForgedSerializer(ExtendedActorSystem system) : SerializerWithStringManifest(system)
    {
        private readonly ThreadLocal<int> _identifier = new(() => 9_999);

        public override int Identifier => _identifier.Value;

        public override string Manifest(object o) => ((Forged)o).Manifest;

        public override byte[] ToBinary(object obj)
        {
            _identifier.Value = ((Forged)obj).Serializer;
            return ((Forged)obj).Bytes;
        }

        public override object FromBinary(byte[] bytes, string manifest) => throw new NotSupportedException();
    }
}
