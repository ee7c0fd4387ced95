using System.Security.Cryptography;

namespace Pipeline.Demo.Session;

/// <summary>The key of the demo's masks, in a file that its owner alone may read.</summary>
internal static class MaskKeyFile
{
    private const int KeyBytes = 32;

    /// <summary>Makes the file unless it is there: what was hashed with its key can be hashed so again.</summary>
    public static void Ensure(string path)
    {
        if (File.Exists(path)) return;
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var file = new StreamWriter(path, options);
        file.WriteLine(RandomNumberGenerator.GetHexString(2 * KeyBytes, lowercase: true));
    }
}
