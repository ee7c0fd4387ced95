using System.Globalization;
using System.Runtime.InteropServices;
using Pipeline.Core;

namespace Pipeline.Emulation.Postgres;

/// <summary>
/// The account the server runs under: our own, or another one when we are root, because PostgreSQL refuses to run as root.
/// </summary>
internal sealed partial class ServerAccount
{
    private readonly (uint User, uint Group)? _ids;

    private ServerAccount((uint User, uint Group)? ids, string[] command)
    {
        _ids = ids;
        Command = command;
    }

    /// <summary>What to put before a command so that it runs under this account; <c>env</c> where nothing is needed.</summary>
    public string[] Command { get; }

    public static ServerAccount For(string dataDirectory)
    {
        if (!Environment.IsPrivilegedProcess) return new ServerAccount(null, ["env"]);

        var (name, user, group) = Account("postgres") ?? Account("nobody")
            ?? throw new PipelineException(FaultKind.Missing, "PostgreSQL server", "it refuses to run as root, and there is no user postgres or nobody",
                "Run as another user, or create one: useradd --system postgres.");
        string[] command = ["setpriv", $"--reuid={name}", $"--regid={group}", "--clear-groups"];
        // A directory below /root: the account must pass through directories that are closed to it.
        if (!IsReachableByAnyone(dataDirectory)) command = [.. command, "--inh-caps=+dac_override", "--ambient-caps=+dac_override"];
        return new ServerAccount((user, group), command);
    }

    /// <summary>Gives a file or directory to the account.</summary>
    public void Own(string path)
    {
        if (_ids is var (user, group) && ChangeOwner(path, user, group) != 0)
            throw new PipelineException(FaultKind.NotAuthorised, path, $"its owner cannot be changed (errno {Marshal.GetLastPInvokeError()})",
                "Choose a directory on a local disk, or run as another user than root.");
    }

    private static (string Name, uint User, uint Group)? Account(string name)
    {
        foreach (var line in File.ReadLines("/etc/passwd"))
            if (line.Split(':') is [var found, _, var user, var group, ..] && found == name)
                return (name, uint.Parse(user, CultureInfo.InvariantCulture), uint.Parse(group, CultureInfo.InvariantCulture));
        return null;
    }

    private static bool IsReachableByAnyone(string path)
    {
        for (var directory = Directory.GetParent(path); directory is not null; directory = directory.Parent)
            if (directory.Exists && !directory.UnixFileMode.HasFlag(UnixFileMode.OtherExecute)) return false;
        return true;
    }

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeOwner(string path, uint user, uint group);
}

/// <summary>Signals to processes.</summary>
internal static partial class Signals
{
    public const int Interrupt = 2;

    /// <summary>Sends a signal; a process that is gone already is no error.</summary>
    public static void Send(int processId, int signal) => _ = Kill(processId, signal);

    [LibraryImport("libc", EntryPoint = "kill")]
    private static partial int Kill(int processId, int signal);
}
