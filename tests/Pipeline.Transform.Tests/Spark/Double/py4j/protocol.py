"""What a job sees of Py4J when something fails in the JVM."""


class Py4JError(Exception):
    pass


class Py4JJavaError(Py4JError):
    def __init__(self, msg, java_exception):
        super(Py4JJavaError, self).__init__(msg)
        self.java_exception = java_exception

    def __str__(self):
        return "{}: {}".format(self.args[0], self.java_exception.getMessage())


class Throwable(object):
    """A Java exception."""

    def __init__(self, name, message, cause=None):
        self._name, self._message, self._cause = name, message, cause

    def getClass(self):
        return self

    def getName(self):
        return self._name

    def getMessage(self):
        return self._message

    def getCause(self):
        return self._cause
