namespace Pipeline.Transform.Contracts;

/// <summary>What a contract's expression may call, written in small letters: <c>epoch_ms</c>.</summary>
public enum ColumnFunction
{
    /// <summary>A text without blanks, tabs and line breaks at its ends.</summary>
    Trim,

    /// <summary>A text with the letters A to Z small; others stay.</summary>
    Lower,

    /// <summary>A text with the letters a to z as capitals; others stay.</summary>
    Upper,

    /// <summary>The first that has a value of the column's type.</summary>
    Coalesce,

    /// <summary>An amount in hundredths: 1999 is 19.99.</summary>
    Cents,

    /// <summary>A moment from its seconds since 1970 in UTC, with up to six digits behind the point.</summary>
    EpochS,

    /// <summary>The same from milliseconds.</summary>
    EpochMs,

    /// <summary>The same from microseconds.</summary>
    EpochUs,

    /// <summary>A day from its number since 1970-01-01, which is 0.</summary>
    EpochD,

    /// <summary>A day from a text in one of some forms of <c>yyyy</c>, <c>MM</c> and <c>dd</c>.</summary>
    Date,

    /// <summary>A moment from a time that says no zone, as the clocks of a zone show it.</summary>
    InZone,
}
