using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using Pipeline.Node.Tests.Cli;
using Pipeline.Testing;

namespace Pipeline.Node.Tests;

/// <summary>The node, or the demo, as a process of its own, started in the checkout's root as the launcher would.</summary>
internal sealed partial class NodeProcess : IAsyncDisposable
{
    /// <summary>For whatever is waited for: generous, because a loaded machine is no failure.</summary>
    private static readonly TimeSpan Deadline = Deadlines.Test;

    private readonly Process _process;
    private readonly Task<string> _data;
    private readonly Task _messages;
    private readonly StringBuilder _heard = new();
    private readonly List<(Func<string, bool> Matches, TaskCompletionSource Seen)> _waiting = [];
    private readonly StringBuilder _printed = new();
    private readonly List<(string Text, TaskCompletionSource Seen)> _expected = [];

    static NodeProcess()
    {
        // What a script starts in the background ignores interrupts, and so do its children: these are to hear them.
        const string status = "/proc/self/status";
        if (File.Exists(status) && IgnoresInterrupts(File.ReadLines(status))) DefaultAction(2, 0);
    }

    private NodeProcess(Process process)
    {
        _process = process;
        _data = ReadAsync();
        _messages = ListenAsync();
    }

    /// <summary>Whether processes that are started here ignore hangups.</summary>
    public static bool IsDeafToHangups => File.Exists("/proc/self/status")
        && File.ReadLines("/proc/self/status").First(line => line.StartsWith("SigIgn:", StringComparison.Ordinal)) is { } ignored && (Convert.ToUInt64(ignored[7..].Trim(), 16) & 1) != 0;

    public static NodeProcess Start(params string[] args) => new(Process.Start(Command(args))!);

    /// <param name="environment">What else it finds in its environment.</param>
    public static NodeProcess StartIn(IReadOnlyDictionary<string, string> environment, params string[] args)
    {
        var command = Command(args);
        foreach (var (name, value) in environment) command.Environment[name] = value;
        return new NodeProcess(Process.Start(command)!);
    }

    /// <summary>Starts it with an ear on its meters: what they measure is written to <paramref name="instruments"/>.</summary>
    /// <param name="environment">What else it finds in its environment.</param>
    public static NodeProcess StartMeasured(string instruments, IReadOnlyDictionary<string, string> environment, params string[] args)
    {
        var command = Command(args);
        foreach (var (name, value) in environment) command.Environment[name] = value;
        command.Environment["DOTNET_STARTUP_HOOKS"] = Path.Combine(AppContext.BaseDirectory, "Pipeline.Testing.dll");
        command.Environment[StartupHook.FileVariable] = instruments;
        return new NodeProcess(Process.Start(command)!);
    }

    /// <summary>What it has said on standard error.</summary>
    public string Messages
    {
        get
        {
            lock (_heard) return _heard.ToString();
        }
    }

    /// <summary>As the system has it.</summary>
    public int Id => _process.Id;

    public bool HasEnded => _process.HasExited;

    /// <summary>Fails, with what it has said, when the process ends.</summary>
    public Task Ended => _messages.ContinueWith(_ => Assert.Fail($"The process ended. It said:\n{Messages}"), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);

    /// <summary>Waits for a line on standard error; fails when the process ends without saying it.</summary>
    public async Task WaitForAsync(Func<string, bool> line)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_heard)
        {
            if (Messages.Split('\n').Any(line)) return;
            _waiting.Add((line, seen));
        }

        var first = await Task.WhenAny(seen.Task, _messages).WaitAsync(Deadline, TestContext.Current.CancellationToken);
        Assert.True(first == seen.Task, $"The process ended first. It said:\n{Messages}");
    }

    /// <summary>Waits for a text among its data; fails when the process ends without it.</summary>
    public async Task WaitForDataAsync(string text)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (_printed)
        {
            if (_printed.ToString().Contains(text, StringComparison.Ordinal)) return;
            _expected.Add((text, seen));
        }

        var first = await Task.WhenAny(seen.Task, _data).WaitAsync(Deadline, TestContext.Current.CancellationToken);
        Assert.True(first == seen.Task, $"The process ended without '{text}'. It said:\n{Messages}");
    }

    /// <summary>As <c>kill -9</c>: this process only, and at once.</summary>
    public async Task KillAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    /// <summary>As Ctrl-C does.</summary>
    public void Interrupt() => Assert.Equal(0, Signal(_process.Id, 2));

    /// <summary>As a service manager does to stop it.</summary>
    public void Terminate() => Assert.Equal(0, Signal(_process.Id, 15));

    /// <summary>As an operator does who has mended something.</summary>
    public void HangUp() => Assert.Equal(0, Signal(_process.Id, 1));

    public async Task<NodeRun> WaitForEndAsync()
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        deadline.CancelAfter(Deadline);
        var exit = _process.WaitForExitAsync(deadline.Token);
        await exit.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Assert.True(exit.IsCompletedSuccessfully, $"The process did not end within {Deadline}. It said:\n{Messages}");
        await _messages;
        return new NodeRun(_process.ExitCode, await _data, Messages);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited) _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
    }

    private static ProcessStartInfo Command(string[] args) => new("dotnet", [Path.Combine(AppContext.BaseDirectory, args is ["demo", ..] ? "pipeline-demo.dll" : "pipeline.dll"), .. args])
    {
        WorkingDirectory = Repository.Root,
        UseShellExecute = false,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };

    private async Task<string> ReadAsync()
    {
        var read = new char[4_096];
        while (await _process.StandardOutput.ReadAsync(read) is > 0 and var count)
        {
            lock (_printed)
            {
                _printed.Append(read, 0, count);
                var printed = _printed.ToString();
                foreach (var expected in _expected.Where(expected => printed.Contains(expected.Text, StringComparison.Ordinal))) expected.Seen.TrySetResult();
            }
        }

        return _printed.ToString();
    }

    private async Task ListenAsync()
    {
        while (await _process.StandardError.ReadLineAsync() is { } line)
        {
            lock (_heard)
            {
                _heard.AppendLine(line);
                foreach (var waiting in _waiting.Where(waiting => waiting.Matches(line))) waiting.Seen.TrySetResult();
            }
        }
    }

    private static bool IgnoresInterrupts(IEnumerable<string> status) =>
        (Convert.ToInt64(status.Single(line => line.StartsWith("SigIgn:", StringComparison.Ordinal))["SigIgn:".Length..].Trim(), 16) & 0b10) != 0;

    [LibraryImport("libc", EntryPoint = "signal")]
    private static partial nint DefaultAction(int signal, nint action);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Signal(int processId, int signal);
}
