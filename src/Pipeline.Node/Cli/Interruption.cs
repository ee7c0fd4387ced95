using System.Runtime.InteropServices;

namespace Pipeline.Node.Cli;

/// <summary>
/// Turns the first Ctrl-C or SIGTERM into a request to finish; a second one ends the process at once, as if there were
/// no handler.
/// </summary>
internal sealed class Interruption : IDisposable
{
    private readonly CancellationTokenSource _requested = new();
    private readonly List<PosixSignalRegistration> _registrations = [];

    public Interruption()
    {
        foreach (var signal in (ReadOnlySpan<PosixSignal>)[PosixSignal.SIGINT, PosixSignal.SIGTERM])
            _registrations.Add(PosixSignalRegistration.Create(signal, OnSignal));
    }

    public CancellationToken Token => _requested.Token;

    /// <summary>What was received first; null: nothing yet.</summary>
    public PosixSignal? Signal { get; private set; }

    public void Dispose()
    {
        foreach (var registration in _registrations) registration.Dispose();
        _requested.Dispose();
    }

    private void OnSignal(PosixSignalContext context)
    {
        if (Signal is not null) return;
        Signal = context.Signal;
        context.Cancel = true;
        _requested.Cancel();
    }
}
