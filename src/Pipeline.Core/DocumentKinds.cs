namespace Pipeline.Core;

/// <summary>What a value in a JSON document may be, besides null.</summary>
[Flags]
public enum DocumentKinds
{
    /// <summary>It is always null.</summary>
    None = 0,

    Boolean = 1,

    /// <summary>A number without digits behind the point.</summary>
    Integer = 2,

    /// <summary>A number that may have them.</summary>
    Number = 4,

    /// <summary>Text of which no more is known.</summary>
    Text = 8,

    /// <summary>Text of a whole number.</summary>
    IntegerText = 16,

    /// <summary>Text of a day, as <c>2026-03-01</c>.</summary>
    Day = 32,

    /// <summary>Text of a moment, as <c>2026-03-01T12:00:00Z</c>.</summary>
    Moment = 64,

    /// <summary>Text of a time of a day or of a duration.</summary>
    Time = 128,

    Uuid = 256,

    /// <summary>Bytes, as base64.</summary>
    Bytes = 512,

    /// <summary>One of some names.</summary>
    Symbol = 1_024,

    Object = 2_048,
    List = 4_096,

    Any = (List << 1) - 1,
}
