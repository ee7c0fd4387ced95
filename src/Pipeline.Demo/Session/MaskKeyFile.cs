using System.Security.Cryptography;
using Pipeline.Delta.Storage;

namespace Pipeline.Demo.Session;

/// <summary>The key of the demo's masks, in a file that its owner alone may read.</summary>
internal static class MaskKeyFile
{
    private const int KeyBytes = 32;

    /// <summary>
    /// Makes the file unless it is there: what was hashed with its key can be hashed so again. It is there whole or not at all; an empty one,
    /// which earlier releases left when they were killed, is none.
    /// </summary>
    public static void Ensure(string path)
    {
        if (new FileInfo(path) is { Exists: true, Length: > 0 }) return;
        var unfinished = path + ".unfinished";
        File.Delete(unfinished);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(unfinished, options))
        using (var text = new StreamWriter(file))
        {
            text.WriteLine(RandomNumberGenerator.GetHexString(2 * KeyBytes, lowercase: true));
            text.Flush();
            Durable.SyncFile(file);
        }

        File.Move(unfinished, path, overwrite: true);
        Durable.SyncDirectory(Path.GetDirectoryName(path)!);
    }
}
