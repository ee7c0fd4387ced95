using System.Diagnostics.Metrics;
using Pipeline.Testing;

#pragma warning disable MA0047 // .NET looks for a startup hook of this name outside of namespaces.
/// <summary>
/// Runs before <c>Main</c> in a process that a test starts with <c>DOTNET_STARTUP_HOOKS</c>, which knows the class by this
/// name: writes each instrument that the process measures, in one line, to the file that <see cref="FileVariable"/> names.
/// </summary>
public static class StartupHook
{
    public const string FileVariable = "PIPELINE_TEST_INSTRUMENTS";

    private static readonly MeterListener Listener = new();
    private static readonly HashSet<string> Seen = new(StringComparer.Ordinal);
    private static Timer? _observe;

    public static void Initialize()
    {
        if (Environment.GetEnvironmentVariable(FileVariable) is not { } file) return;
        Measurements.Listen(Listener, (_, line, _, _) =>
        {
            lock (Seen)
                if (Seen.Add(line)) File.AppendAllLines(file, [line]);
        });
        var isObserving = 0;
        _observe = new Timer(_ =>
        {
            if (Interlocked.Exchange(ref isObserving, 1) == 1) return;
            Listener.RecordObservableInstruments();
            Volatile.Write(ref isObserving, 0);
        }, null, TimeSpan.Zero, TimeSpan.FromMilliseconds(250));
    }
}
