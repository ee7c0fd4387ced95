using System.Security.Cryptography;

namespace Pipeline.Testing;

/// <summary>Modules of others that tests in JavaScript use.</summary>
public static class NpmModules
{
    /// <summary>The folder of the modules that a <c>package.json</c> names, fetched once for this machine; null when they cannot be fetched.</summary>
    public static async Task<string?> TryFetchAsync(string package, CancellationToken cancellationToken)
    {
        var version = Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(package, cancellationToken)))[..12];
        var folder = Path.Combine(Path.GetTempPath(), $"pipeline-modules-{version}-{Environment.UserName}");
        var modules = Path.Combine(folder, "node_modules");
        if (Directory.Exists(modules)) return modules;
        // Two that fetch at once do not meet: the folder is whole when it has its name.
        using var draft = new ScratchDirectory("pipeline-modules-");
        File.Copy(package, Path.Combine(draft, "package.json"));
        await using var npm = OutsideProgram.TryStart("npm", ["install", "--prefix", draft, "--no-audit", "--no-fund", "--ignore-scripts", "--fetch-retries=1"]);
        if (npm is not null && await npm.WaitForExitAsync(cancellationToken) is (0, _)) MoveUnlessThere(draft, folder);
        return Directory.Exists(modules) ? modules : null;
    }

    private static void MoveUnlessThere(string draft, string folder)
    {
        try
        {
            Directory.Move(draft, folder);
        }
        catch (IOException) when (Directory.Exists(folder))
        {
            // Another process was faster.
        }
    }
}
