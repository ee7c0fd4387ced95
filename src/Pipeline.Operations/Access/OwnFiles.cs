namespace Pipeline.Operations.Access;

/// <summary>Directories and files that their owner alone may read and write.</summary>
public static class OwnFiles
{
    private const UnixFileMode OfFile = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode OfDirectory = OfFile | UnixFileMode.UserExecute;

    /// <summary>One that is there already is made so.</summary>
    public static void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows())
        {
            Directory.CreateDirectory(path);
            return;
        }

        Directory.CreateDirectory(path, OfDirectory);
        if (File.GetUnixFileMode(path) != OfDirectory) File.SetUnixFileMode(path, OfDirectory);
    }

    /// <summary>What is there already keeps its mode.</summary>
    public static FileStream Open(string path, FileMode mode, FileShare share)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write, Share = share };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OfFile;
        return new FileStream(path, options);
    }

    public static void MakePrivate(string path)
    {
        if (!OperatingSystem.IsWindows()) File.SetUnixFileMode(path, OfFile);
    }

    /// <summary>Whether others may write it.</summary>
    public static bool IsOthersToWrite(string path) =>
        !OperatingSystem.IsWindows() && (File.GetUnixFileMode(path) & (UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) != UnixFileMode.None;
}
