using Akka.Actor;

namespace Pipeline.Ingest.Tests;

#pragma warning disable MA0097 // Comparison operators: references are compared for equality only.
/// <summary>The reference of an actor that does not exist, for decisions that only pass it on.</summary>
internal sealed class NamedRef(string name) : MinimalActorRef
#pragma warning restore MA0097
{
    public override ActorPath Path { get; } = new RootActorPath(Address.AllSystems) / name;

    public override IActorRefProvider Provider => throw new NotSupportedException();
}
