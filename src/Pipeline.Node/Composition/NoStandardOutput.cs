using Akka.Event;

namespace Pipeline.Node.Composition;

/// <summary>
/// Takes the place of Akka's logger on standard output, which speaks up while an actor system ends whatever its level
/// is set to. Standard output is for data.
/// </summary>
#pragma warning disable MA0097 // Actor references compare; loggers are never compared.
internal sealed class NoStandardOutput : MinimalLogger
#pragma warning restore MA0097
{
    protected override void Log(object message)
    {
        // The loggers of the node have what there is to say.
    }
}
