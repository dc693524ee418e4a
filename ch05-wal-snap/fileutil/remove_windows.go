package fileutil

const removeWhileOpen = false
