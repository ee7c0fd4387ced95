using System.Globalization;

namespace Pipeline.Emulation.Postgres;

/// <summary>A server's <c>postmaster.pid</c>: its first line is the process id, the eighth its state.</summary>
internal sealed record PostmasterFile(int ProcessId, bool IsReady)
{
    public static string PathIn(string dataDirectory) => Path.Combine(dataDirectory, "postmaster.pid");

    /// <summary>Null when there is none, or when it is just being written.</summary>
    public static PostmasterFile? TryRead(string dataDirectory)
    {
        try
        {
            var lines = File.ReadAllLines(PathIn(dataDirectory));
            return lines.Length > 0 && int.TryParse(lines[0], NumberStyles.None, CultureInfo.InvariantCulture, out var processId)
                ? new PostmasterFile(processId, lines.Length > 7 && lines[7].Trim() == "ready")
                : null;
        }
        catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
        {
            return null;
        }
    }

    /// <summary>Whether the process still lives and is this directory's server, not a later process with the same id.</summary>
    public bool IsServerOf(string dataDirectory)
    {
        try
        {
            var arguments = File.ReadAllText($"/proc/{ProcessId}/cmdline").Split('\0');
            return Path.GetFileName(arguments[0]) is "postgres" or "postmaster" && arguments.Contains(dataDirectory, StringComparer.Ordinal);
        }
        catch (IOException)
        {
            return false;
        }
    }
}
