using Pipeline.Configuration;
using Pipeline.Core;
using Pipeline.Delta.Parquet;

namespace Pipeline.Ingest;

/// <summary>How records become Bronze: the section <c>ingest</c> of the configuration.</summary>
public sealed record IngestOptions
{
    /// <summary>Whose defaults these are.</summary>
    public IngestProfile Profile { get; init; }

    /// <summary>
    /// Bytes after which a data file is closed, estimated while it is written. Default 64 MiB, 64 KiB to 4 GiB. Larger
    /// files read faster; a re-read after a crash is at most this much a table.
    /// </summary>
    public long FileBytesMax { get; init; } = 64L << 20;

    /// <summary>
    /// Age at which a data file with committable rows is closed. Default 2 s, 20 ms to 1 h. Smaller is fresher and makes
    /// more, smaller files. The first of a reading is closed after a twentieth of it, the next after twice as long, and so on:
    /// so a process that never lives long gets forward. What is open when a reading first has all that its splits held is closed at once.
    /// </summary>
    public TimeSpan FileAgeMax { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Age at which progress without rows (tombstones, empty watermark windows) is committed. Default 30 s, 100 ms to 1 h.
    /// Such a commit saves only re-reading.
    /// </summary>
    public TimeSpan PositionAgeMax { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Bytes of memory that chunks hold between source and data file, all workers of a node together. Default 32 MiB, 1 MiB
    /// to 64 GiB. When it is used up, sources are not read; each worker may exceed it by the one chunk that it has in hand.
    /// </summary>
    public long BufferBytesMax { get; init; } = 32L << 20;

    /// <summary>
    /// Uncompressed bytes of a Parquet row group: each open file keeps one in memory, encoded, and the native writer as much
    /// again beside it; a worker has up to three files open for a table. Default 8 MiB, 64 KiB to 1 GiB.
    /// </summary>
    public long RowGroupBytesMax { get; init; } = 8L << 20;

    /// <summary>
    /// Shortest time between two commits to a table. Default 200 ms, 0 to 1 min. Stages that arrive within it share one
    /// commit; after a quiet time, and at a reading's end, a stage is committed at once.
    /// </summary>
    public TimeSpan CommitInterval { get; init; } = TimeSpan.FromMilliseconds(200);

    /// <summary>Closed files of a worker that are uploaded or committed while the next is written. Default 1, 1 to 16.</summary>
    public int PipelineDepth { get; init; } = 1;

    /// <summary>How files are compressed where <see cref="Compressions"/> says nothing of their table. Default snappy.</summary>
    public FileCompression Compression { get; init; }

    /// <summary>What is said of layers, sources and tables.</summary>
    public FileCompressions Compressions { get; init; } = FileCompressions.None;

    /// <summary>Of whatever writes to a table of Bronze.</summary>
    public DataFileOptions DataFilesOf(TableId table) => new(RowGroupBytesMax, Compressions.Of(table, Compression));

    /// <summary>Pause between two rounds of putting a table's small files together. Default 10 min, 1 s to 1 day.</summary>
    public TimeSpan CompactInterval { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Small files of a day that are worth putting together. Default 10, 2 to 10,000. Fewer are left alone.</summary>
    public int CompactFilesMin { get; init; } = 10;

    /// <summary>How often sources are asked for new splits. Default 10 s, 100 ms to 1 h.</summary>
    public TimeSpan SplitsInterval { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// How long a worker waits for a committer's answer before it sends the same stage again. Default 2 s, 100 ms to 10 min.
    /// Sending again costs a message and changes nothing; what was on its way to a node that died goes on by it.
    /// </summary>
    public TimeSpan AnswerTimeout { get; init; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How long draining waits for open files to be committed; what is not committed then is read again by the next owner.
    /// Default 20 s, 1 s to 10 min; keep it below <c>akka.coordinated-shutdown.phases.before-cluster-shutdown.timeout</c>.
    /// </summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How what is away is tried again: by a committer for as long as it takes, unless an end is set, after which it gives the
    /// stages back and their workers start over; by a worker for ever. Default: from 200 ms to 30 s, without an end.
    /// </summary>
    public RetryPolicy Retry { get; init; } = new();

    /// <summary>
    /// How often what is halted, since somebody has to mend something, is looked at again without being told. Default: after
    /// 10 s, then less and less often, up to every 5 min; 100 ms to 1 day. A look costs a question to the source and, where
    /// other splits of the table are read, a new beginning of their reading.
    /// </summary>
    public RetryPolicy HaltRetry { get; init; } = new() { BackoffMin = TimeSpan.FromSeconds(10), BackoffMax = TimeSpan.FromMinutes(5) };

    /// <summary>What a profile decides; the rest is as documented at each setting.</summary>
    public static IngestOptions Of(IngestProfile profile) => profile switch
    {
        IngestProfile.Quick => new IngestOptions
        {
            Profile = profile,
            FileAgeMax = TimeSpan.FromSeconds(1),
            CommitInterval = TimeSpan.FromMilliseconds(100),
            CompactInterval = TimeSpan.FromMinutes(5),
        },
        IngestProfile.LowLatency => new IngestOptions
        {
            Profile = profile,
            FileAgeMax = TimeSpan.FromMilliseconds(250),
            CommitInterval = TimeSpan.FromMilliseconds(50),
            PipelineDepth = 2,
            CompactInterval = TimeSpan.FromMinutes(1),
        },
        IngestProfile.Bulk => new IngestOptions
        {
            Profile = profile,
            FileBytesMax = 256L << 20,
            FileAgeMax = TimeSpan.FromSeconds(30),
            CommitInterval = TimeSpan.FromSeconds(2),
            PipelineDepth = 2,
        },
        _ => new IngestOptions(),
    };

    /// <summary>Reads the section <c>ingest</c>; problems go to the reader.</summary>
    public static IngestOptions Bind(SettingsReader settings)
    {
        var defaults = Of(settings.Choice<IngestProfile>("profile", IngestProfile.Balanced));
        var retry = RetrySection(settings);
        var options = new IngestOptions
        {
            Profile = defaults.Profile,
            FileBytesMax = settings.Bytes("file-bytes-max", defaults.FileBytesMax, 64L << 10, 4L << 30),
            FileAgeMax = settings.Duration("file-age-max", defaults.FileAgeMax, TimeSpan.FromMilliseconds(20), TimeSpan.FromHours(1)),
            PositionAgeMax = settings.Duration("position-age-max", defaults.PositionAgeMax, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
            BufferBytesMax = settings.Bytes("buffer-bytes-max", defaults.BufferBytesMax, 1L << 20, 64L << 30),
            RowGroupBytesMax = settings.Bytes("row-group-bytes-max", defaults.RowGroupBytesMax, 64L << 10, 1L << 30),
            CommitInterval = settings.Duration("commit-interval", defaults.CommitInterval, TimeSpan.Zero, TimeSpan.FromMinutes(1)),
            PipelineDepth = settings.Int("pipeline-depth", defaults.PipelineDepth, 1, 16),
            Compression = FileCompression.Bind(settings, "compression", defaults.Compression),
            CompactInterval = settings.Duration("compact-interval", defaults.CompactInterval, TimeSpan.FromSeconds(1), TimeSpan.FromDays(1)),
            CompactFilesMin = settings.Int("compact-files-min", defaults.CompactFilesMin, 2, 10_000),
            SplitsInterval = settings.Duration("splits-interval", defaults.SplitsInterval, TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
            AnswerTimeout = settings.Duration("answer-timeout", defaults.AnswerTimeout, TimeSpan.FromMilliseconds(100), TimeSpan.FromMinutes(10)),
            DrainTimeout = settings.Duration("drain-timeout", defaults.DrainTimeout, TimeSpan.FromSeconds(1), TimeSpan.FromMinutes(10)),
            HaltRetry = defaults.HaltRetry with
            {
                BackoffMin = retry.Duration("halted-min", defaults.HaltRetry.BackoffMin, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)),
                BackoffMax = retry.Duration("halted-max", defaults.HaltRetry.BackoffMax, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)),
            },
            Retry = RetrySettings.Bind(retry, defaults.Retry),
        };
        if (options.HaltRetry.BackoffMax < options.HaltRetry.BackoffMin) settings.Report("retry.halted-max", "is shorter than halted-min");
        settings.Complete();
        return options;
    }

    private static SettingsReader RetrySection(SettingsReader settings)
    {
        var retry = settings.Section("retry");
        retry.Meant("attempts-max", "0", "1", "meant that nothing is tried again, and means that there is no end, as in every other section");
        return retry;
    }
}

/// <summary>What matters most when records become files; a setting that is written in the configuration wins over its profile.</summary>
public enum IngestProfile
{
    /// <summary>In Bronze after some two seconds.</summary>
    Balanced,

    /// <summary>In Bronze after some one second; twice the files of a balanced one, put together every five minutes.</summary>
    Quick,

    /// <summary>In Bronze within half a second; many small files, put together every minute.</summary>
    LowLatency,

    /// <summary>Few large files and few commits; in Bronze after half a minute, or at a backlog's end. For backlogs and for sources that nobody waits for.</summary>
    Bulk,
}
