"""Stories: readable tests of a program. See docs/stories.md."""

from laurels.story.tell import Difference, OpenBook, Told, find_stories, load_story, tell

__all__ = ["Difference", "OpenBook", "Told", "find_stories", "load_story", "tell"]
