namespace Pipeline.Ingest.Tests.Simulation;

/// <summary>What happens in a history beside reading and committing.</summary>
internal enum Kind
{
    /// <summary>Files of a table are put together.</summary>
    Compaction,

    /// <summary>Dead letters that can be decoded enter their table.</summary>
    Redrive,

    /// <summary>An operator goes on behind records that are lost.</summary>
    GapAccepted,

    /// <summary>A commit arrives after it was given up.</summary>
    LatePut,

    /// <summary>Records are decoded to something else than before.</summary>
    DecodingChange,

    /// <summary>A split cannot be read before somebody acts.</summary>
    PermanentFault,

    /// <summary>Somebody has acted, and what was halted is read again.</summary>
    Recovery,

    /// <summary>A source does not take an acknowledgement, or its answer is lost.</summary>
    AcknowledgementFailed,

    /// <summary>A source's tables have gained a column, and a commit brings it.</summary>
    SchemaChange,

    /// <summary>A split is found that was not there before.</summary>
    NewSplit,

    /// <summary>A source was made anew, and a table counts its splits in a new epoch.</summary>
    NewEpoch,

    /// <summary>Old commits leave a log.</summary>
    LogCleanUp,

    /// <summary>A file that is in no table is removed.</summary>
    Vacuum,

    /// <summary>A roll is closed while another one is being committed.</summary>
    DeepPipeline,

    /// <summary>Three processes believe to be the same worker or committer.</summary>
    ThirdIncarnation,
}
