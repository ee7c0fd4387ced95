namespace Pipeline.Emulation.Postgres;

/// <summary>Files and directories that only their owner may read, as PostgreSQL demands for its data and keys.</summary>
internal static class PrivateFiles
{
    private const string LinuxOnly = "A scratch PostgreSQL needs Linux.";

    public static void CreateDirectory(string path)
    {
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException(LinuxOnly);
        Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    public static void Write(string path, string text)
    {
        if (OperatingSystem.IsWindows()) throw new PlatformNotSupportedException(LinuxOnly);
        File.Delete(path);
        using var file = new StreamWriter(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        file.Write(text);
    }
}
