namespace Pipeline.Core;

/// <summary>What a file's error says of its disk: .NET gives the system's own number as the result.</summary>
public static class DiskErrors
{
    private const int Enospc = 28;
    private const int Erofs = 30;
    private const int Edquot = 122;
    private const int WindowsDiskFull = unchecked((int)0x80070070);

    /// <summary>No space, or no more for this user.</summary>
    public static bool IsFull(Exception exception) => exception is IOException { HResult: Enospc or Edquot or WindowsDiskFull };

    public static bool IsReadOnly(Exception exception) => exception is IOException { HResult: Erofs };
}
