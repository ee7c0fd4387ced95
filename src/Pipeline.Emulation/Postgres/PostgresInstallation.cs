using System.ComponentModel;
using System.Diagnostics;
using Pipeline.Core;

namespace Pipeline.Emulation.Postgres;

/// <summary>The PostgreSQL server installed on this machine.</summary>
internal sealed record PostgresInstallation(string BinDirectory)
{
    private const string PackagedVersions = "/usr/lib/postgresql";

    public string Tool(string name) => Path.Combine(BinDirectory, name);

    /// <summary>What <c>pg_config</c> names when the server is there, else the newest packaged version.</summary>
    /// <exception cref="PipelineException">No server is installed.</exception>
    public static PostgresInstallation Find()
    {
        var candidates = new List<string>();
        if (BinDirectoryByPgConfig() is { } configured) candidates.Add(configured);
        if (Directory.Exists(PackagedVersions))
            candidates.AddRange(Directory.GetDirectories(PackagedVersions)
                .OrderByDescending(path => double.TryParse(Path.GetFileName(path), out var version) ? version : 0)
                .Select(path => Path.Combine(path, "bin")));
        var found = candidates.Find(path => File.Exists(Path.Combine(path, "postgres")) && File.Exists(Path.Combine(path, "initdb")));
        return found is not null
            ? new PostgresInstallation(found)
            : throw new PipelineException(FaultKind.Missing, "PostgreSQL server",
                $"none is installed: neither pg_config --bindir nor {PackagedVersions}/*/bin holds postgres and initdb",
                "Install it, on Debian and Ubuntu with: apt-get install postgresql.");
    }

    private static string? BinDirectoryByPgConfig()
    {
        try
        {
            using var pgConfig = Process.Start(new ProcessStartInfo("pg_config", ["--bindir"])
            {
                UseShellExecute = false,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            var path = pgConfig.StandardOutput.ReadToEnd().Trim();
            pgConfig.WaitForExit();
            return pgConfig.ExitCode == 0 ? path : null;
        }
        catch (Win32Exception)
        {
            // Not installed: it comes with the server's development files only.
            return null;
        }
    }
}
