using Pipeline.Faults.Tests;
using Pipeline.Testing;

[assembly: AssemblyFixture(typeof(NoDefects))]

namespace Pipeline.Faults.Tests;

/// <summary>
/// Judges the logs of all processes of this suite when it is over: whatever was killed, cut, filled or refused, nobody calls
/// it an error that should not happen, or by the name of a type.
/// </summary>
public sealed class NoDefects : IDisposable
{
    public void Dispose() => Assert.Empty(PipelineProcess.SaidOfDefects);
}
