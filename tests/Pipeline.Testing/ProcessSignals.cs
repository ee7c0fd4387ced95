using System.Runtime.InteropServices;

namespace Pipeline.Testing;

/// <summary>Signals to processes that a test has started.</summary>
public static partial class ProcessSignals
{
    public const int HangUp = 1, Quit = 3, Kill = 9, Terminate = 15, Continue = 18, Stop = 19;

    public static void Send(int process, int signal)
    {
        if (SendSignal(process, signal) != 0) throw new InvalidOperationException($"Signal {signal} did not reach process {process}.");
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
