namespace Pipeline.Ingest.Streams;

/// <summary>
/// How old files with rows become before they are closed: the first of a reading a twentieth of what is configured, each
/// further one twice as much, up to all of it. A process that never lives long gets forward all the same, and one that does
/// makes a handful of small files more.
/// </summary>
internal sealed class FileAge(TimeSpan max)
{
    private const int FirstPart = 20;

    public TimeSpan Current { get; private set; } = max / FirstPart;

    /// <summary>Files with rows were closed.</summary>
    public void Closed() => Current = Current < max / 2 ? Current * 2 : max;
}
